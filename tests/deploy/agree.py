"""What no schema says of the manifests of one folder: that what they name
exists, that labels and ports meet, that pods are confined, and who reaches whom.

Manifests that are well-formed come in; mistakes go out, as (file, text).
"""

import functools
import os
import pathlib
import re
import subprocess
import sys
import tempfile

BIN = pathlib.Path(sys.executable).parent
QUANTITY = re.compile(r"^\d+(\.\d+)?(m|k|Ki|M|Mi|G|Gi|T|Ti)?$")
UNITS = {"": 1, "m": 1e-3, "k": 1e3, "Ki": 2**10, "M": 1e6, "Mi": 2**20, "G": 1e9, "Gi": 2**30, "T": 1e12, "Ti": 2**40}
CLUSTER_WIDE = {"Namespace", "Kustomization"}
URL = re.compile(r"\b[a-z]+://([a-z0-9.-]+):(\d+)\b")
VARIABLE = re.compile(r"\$\(([A-Z_]+)\)")
# What a worker needs beside its tasks, and to hand in the last of them.
OWN_MEMORY, OWN_SECONDS = 2**30, 30


class Pod:
    """A pod as a template makes it, or one of another folder's."""

    def __init__(self, file, owner, template, namespace):
        self.file, self.owner, self.namespace = file, owner, namespace
        self.name = f"{owner['kind']}/{owner['metadata']['name']}"
        self.labels = template["metadata"].get("labels", {})
        self.spec = template["spec"]
        self.containers = self.spec.get("initContainers", []) + self.spec.get("containers", [])

    @classmethod
    def elsewhere(cls, name, labels, namespace):
        owner = {"kind": "Pod", "metadata": {"name": name}}
        return cls(None, owner, {"metadata": {"labels": labels}, "spec": {}}, namespace)

    def port(self, port):
        """The number of a port that has a name or a number."""
        for container in self.containers:
            for told in container.get("ports", []):
                if port in (told.get("name"), told["containerPort"]):
                    return told["containerPort"]
        return None

    def ports(self):
        return {told["containerPort"] for one in self.containers for told in one.get("ports", [])}


class Folder:
    """The manifests of a folder."""

    def __init__(self, path, documents, expected):
        self.path, self.documents, self.expected = path, documents, expected
        self.kustomization = next((one for _, one in documents if one["kind"] == "Kustomization"), {})
        self.pods = [
            Pod(file, one, one["spec"]["template"], self.namespace(one))
            for file, one in documents
            if one["kind"] in ("Deployment", "StatefulSet", "Job", "DaemonSet")
        ]

    def namespace(self, document):
        return document["metadata"].get("namespace") or self.kustomization.get("namespace", "default")

    def of(self, kind):
        return [(file, one) for file, one in self.documents if one["kind"] == kind]

    def named(self, kind, name):
        return next((one for _, one in self.of(kind) if one["metadata"]["name"] == name), None)

    def service(self, host):
        """The service that a host name means, if it is one of this folder's."""
        name, _, rest = host.partition(".")
        found = self.named("Service", name)
        if found and rest in ("", f"{self.namespace(found)}.svc.cluster.local", f"{self.namespace(found)}.svc"):
            return found
        return None

    def behind(self, service):
        selector = service["spec"].get("selector")
        return [pod for pod in self.pods if selector and selector.items() <= pod.labels.items()]


def mistakes(path, documents, expected):
    folder = Folder(path, documents, expected)
    checks = (kustomized, referenced, served, addressed, scaled, sized, confined, secret, configured, separated)
    for check in checks:
        yield from check(folder)


def kustomized(folder):
    """One namespace, and each file applied or an example."""
    if not folder.kustomization:
        return
    file = folder.path / "kustomization.yaml"
    listed = folder.kustomization["resources"]
    there = {path.name for path in folder.path.glob("*.yaml")} - {"kustomization.yaml"}
    for name in listed:
        if name not in there:
            yield file, f"there is no `{name}`"
    for name in sorted(there - set(listed)):
        if not name.endswith(".example.yaml"):
            yield file, f"`{name}` is in the folder, and not among the resources"
    namespace = folder.kustomization.get("namespace")
    if not folder.named("Namespace", namespace):
        yield file, f"nothing makes the namespace `{namespace}`"
    for path, one in folder.documents:
        if one["kind"] in CLUSTER_WIDE:
            continue
        if folder.namespace(one) != namespace:
            yield path, f"{one['kind']}/{one['metadata']['name']} is not in the namespace `{namespace}`"
        if path.name not in listed and not one["metadata"].get("namespace"):
            yield path, f"{one['kind']}/{one['metadata']['name']} has no namespace, and kustomize gives it none"
    images = {one["name"] for one in folder.kustomization.get("images", [])}
    for pod in folder.pods:
        for container in pod.containers:
            image = container["image"]
            renamed = image in images and pod.file.name in listed
            if not renamed and not re.search(r":(?!latest$)[\w.-]+$", image):
                yield pod.file, f"{pod.name}: the image `{image}` has no version"
    used = {container["image"] for pod in folder.pods for container in pod.containers}
    for name in sorted(images - used):
        yield file, f"no container has the image `{name}`"


def keys(document):
    return {**document.get("data", {}), **document.get("stringData", {})}.keys()


def variables(folder, container):
    """The names of a container's variables."""
    names = {one["name"] for one in container.get("env", [])}
    for source in container.get("envFrom", []):
        for kind, reference in (("Secret", "secretRef"), ("ConfigMap", "configMapRef")):
            if reference in source and (found := folder.named(kind, source[reference]["name"])):
                names |= keys(found)
    return names


def referenced(folder):
    """Names of configuration, secrets, volumes, accounts and variables."""
    for pod in folder.pods:
        def missing(kind, name, key=None):
            found = folder.named(kind, name)
            if not found:
                return [(pod.file, f"{pod.name}: there is no {kind} `{name}`")]
            if key is not None and key not in keys(found):
                return [(pod.file, f"{pod.name}: the {kind} `{name}` has no key `{key}`")]
            return []

        selector = pod.owner["spec"].get("selector", {}).get("matchLabels", {})
        if not selector.items() <= pod.labels.items():
            yield pod.file, f"{pod.name}: its selector does not match its pods' labels"
        account = pod.spec.get("serviceAccountName", "default")
        if account != "default":
            yield from missing("ServiceAccount", account)
        claims = pod.owner["spec"].get("volumeClaimTemplates", [])
        volumes = {one["metadata"]["name"] for one in claims}
        for volume in pod.spec.get("volumes", []):
            volumes.add(volume["name"])
            if "configMap" in volume:
                yield from missing("ConfigMap", volume["configMap"]["name"])
            if "secret" in volume:
                yield from missing("Secret", volume["secret"]["secretName"])
            if "hostPath" in volume:
                yield pod.file, f"{pod.name}: the volume `{volume['name']}` is the host's"
        mounted = {mount["name"] for one in pod.containers for mount in one.get("volumeMounts", [])}
        for name in sorted(mounted ^ volumes):
            yield pod.file, f"{pod.name}: the volume `{name}` is {'mounted' if name in mounted else 'there'} alone"
        for container in pod.containers:
            for variable in container.get("env", []):
                for reference, source in variable.get("valueFrom", {}).items():
                    kind = {"secretKeyRef": "Secret", "configMapKeyRef": "ConfigMap"}.get(reference)
                    if kind:
                        yield from missing(kind, source["name"], source["key"])
            for source in container.get("envFrom", []):
                for kind, reference in (("Secret", "secretRef"), ("ConfigMap", "configMapRef")):
                    if reference in source:
                        yield from missing(kind, source[reference]["name"])
            told = variables(folder, container)
            for argument in container.get("command", []) + container.get("args", []):
                for name in VARIABLE.findall(argument):
                    if name not in told:
                        yield pod.file, f"{pod.name}: the variable `{name}` of `{argument}` is not set"
            for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
                port = container.get(probe, {}).get("httpGet", {}).get("port")
                if port is not None and pod.port(port) is None:
                    yield pod.file, f"{pod.name}: no container listens at the port `{port}` of `{probe}`"


def served(folder):
    """Services have pods that listen."""
    for file, service in folder.of("Service"):
        if service["apiVersion"] != "v1":
            continue
        name = service["metadata"]["name"]
        pods = folder.behind(service)
        if not pods:
            yield file, f"Service/{name}: no pod has the labels of its selector"
        for port in service["spec"]["ports"]:
            target = port.get("targetPort", port["port"])
            for pod in pods:
                if pod.port(target) is None:
                    yield file, f"Service/{name}: {pod.name} does not listen at `{target}`"
    for file, one in folder.of("StatefulSet"):
        service = folder.named("Service", one["spec"]["serviceName"])
        if not service or service["spec"].get("clusterIP") != "None":
            yield file, f"StatefulSet/{one['metadata']['name']}: `{one['spec']['serviceName']}` is no headless service"


def addresses(folder):
    """Who names which host and port: (file, pod or None, host, port)."""
    for pod in folder.pods:
        for container in pod.containers:
            for argument in container.get("command", []) + container.get("args", []):
                for host, port in URL.findall(argument):
                    yield pod.file, pod, host, int(port)
    for file, one in folder.of("ScaledObject"):
        for trigger in one["spec"]["triggers"]:
            host, _, port = trigger["metadata"].get("natsServerMonitoringEndpoint", "").partition(":")
            if host:
                yield file, None, host, int(port or 0)


def addressed(folder):
    """Hosts are services, at a port of theirs. KEDA needs the whole name."""
    for file, pod, host, port in addresses(folder):
        service = folder.service(host)
        if not service or (pod is None and not host.endswith(".svc.cluster.local")):
            yield file, f"`{host}:{port}` names no service of this folder"
        elif port not in {one["port"] for one in service["spec"]["ports"]}:
            yield file, f"`{host}:{port}`: the service does not listen at this port"


def containers(owner):
    return owner["spec"]["template"]["spec"]["containers"]


def workers(container):
    """How many tasks a worker runs at a time."""
    told = [one for one in container.get("args", []) if one.startswith("--workers=")]
    return int(told[0].removeprefix("--workers=")) if told else 1


def scaled(folder):
    """The autoscaler looks at the queue that the workers serve."""
    for file, one in folder.of("ScaledObject"):
        name = f"ScaledObject/{one['metadata']['name']}"
        spec = one["spec"]
        target = folder.named(spec["scaleTargetRef"].get("kind", "Deployment"), spec["scaleTargetRef"]["name"])
        if not target:
            yield file, f"{name}: there is no `{spec['scaleTargetRef']['name']}` to scale"
        elif "replicas" in target["spec"]:
            yield file, f"{name}: its target tells `replicas`, which each `kubectl apply` would set again"
        if spec.get("minReplicaCount") != 0:
            yield file, f"{name}: `minReplicaCount` is not 0"
        for trigger in spec["triggers"]:
            metadata = trigger["metadata"]
            wanted = {"stream": folder.expected.stream, "consumer": folder.expected.consumer, "account": "$G"}
            if trigger["type"] != "nats-jetstream":
                yield file, f"{name}: the trigger `{trigger['type']}` is not `nats-jetstream`"
            for key, value in wanted.items():
                if metadata.get(key) != value:
                    yield file, f"{name}: `{key}` is `{metadata.get(key)}`, and `fanout` has `{value}`"
            if not re.fullmatch(r"[1-9]\d*", metadata.get("lagThreshold", "")):
                yield file, f"{name}: `lagThreshold` is no number of tasks"
            elif target and int(metadata["lagThreshold"]) > max(map(workers, containers(target)), default=0):
                # A run keeps two tasks a slot in the queue.
                yield file, f"{name}: `lagThreshold` is more than `--workers`: at twice that, no worker would be added"
            known = {"natsServerMonitoringEndpoint", "lagThreshold", "activationLagThreshold", "useHttps", *wanted}
            for key in sorted(metadata.keys() - known):
                yield file, f"{name}: the scaler knows no `{key}`"


def amount(quantity):
    number, unit = re.fullmatch(r"([\d.]+)(\D*)", str(quantity)).groups()
    return float(number) * UNITS[unit]


def quantities(part, path=""):
    if isinstance(part, dict):
        for key, value in part.items():
            if key in ("requests", "limits") and isinstance(value, dict):
                yield from ((f"{path}{key}.{name}", one) for name, one in value.items())
            elif key == "sizeLimit":
                yield f"{path}{key}", value
            else:
                yield from quantities(value, f"{path}{key}.")
    elif isinstance(part, list):
        for index, value in enumerate(part):
            yield from quantities(value, f"{path}{index}.")


def sized(folder):
    """A worker has what its tasks may use, and the time to end them."""
    for file, one in folder.documents:
        for path, quantity in quantities(one):
            if not QUANTITY.match(str(quantity)):
                yield file, f"{one['kind']}/{one['metadata']['name']}: {path}: `{quantity}` is no quantity"
                return
    for pod in folder.pods:
        for container in pod.containers:
            if container.get("args", [])[:1] != ["worker"]:
                continue
            resources, slots = container["resources"], workers(container)
            if amount(resources["requests"]["cpu"]) < slots:
                yield pod.file, f"{pod.name}: {slots} tasks at a time, and less cores"
            if amount(resources["limits"]["memory"]) < slots * folder.expected.memory + OWN_MEMORY:
                yield pod.file, f"{pod.name}: less memory than {slots} tasks may use, and the worker itself"
            if pod.spec.get("terminationGracePeriodSeconds", 30) < folder.expected.timeout + OWN_SECONDS:
                yield pod.file, f"{pod.name}: it is killed before its task has had its time"


def confined(folder):
    """Pods may do nothing that they need not."""
    for pod in folder.pods:
        def want(good, what):
            return [] if good else [(pod.file, f"{pod.name}: {what}")]

        spec, security = pod.spec, pod.spec.get("securityContext", {})
        yield from want(spec.get("automountServiceAccountToken") is False, "it has a token of the cluster")
        yield from want(spec.get("enableServiceLinks") is False, "services set variables of it")
        yield from want(security.get("runAsNonRoot") is True, "it may run as root")
        yield from want(security.get("runAsUser", 0) > 0, "it runs as root")
        yield from want(security.get("seccompProfile", {}).get("type") == "RuntimeDefault", "no seccomp profile")
        for key in ("hostNetwork", "hostPID", "hostIPC"):
            yield from want(not spec.get(key), f"it has `{key}`")
        for container in pod.containers:
            own = container.get("securityContext", {})
            yield from want(own.get("allowPrivilegeEscalation") is False, "it may gain privileges")
            yield from want(own.get("readOnlyRootFilesystem") is True, "its root file system may be written")
            yield from want(own.get("capabilities", {}).get("drop") == ["ALL"], "it keeps capabilities")
            yield from want("add" not in own.get("capabilities", {}), "it has capabilities")
            yield from want(not own.get("privileged"), "it is privileged")
            resources = container.get("resources", {})
            yield from want({"cpu", "memory"} <= resources.get("requests", {}).keys(), "it requests no cpu or memory")
            yield from want("memory" in resources.get("limits", {}), "its memory has no limit")


def secret(folder):
    """Examples hold no credentials."""
    for file, one in folder.of("Secret"):
        name = f"Secret/{one['metadata']['name']}"
        if not file.name.endswith(".example.yaml"):
            yield file, f"{name}: a secret belongs into an example, or into no file"
        if "data" in one:
            yield file, f"{name}: `data` can't be read; an example has `stringData`"
        for key, value in one.get("stringData", {}).items():
            if value != "CHANGE-ME" and not key.endswith("_USER"):
                yield file, f"{name}: `{key}` is not `CHANGE-ME`"


@functools.cache
def nats_server(content, environment):
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "nats.conf"
        path.write_text(content)
        ran = subprocess.run(
            [BIN / "nats-server", "-t", "-c", path],
            capture_output=True, text=True, check=False, env={**os.environ, **dict(environment)},
        )
        return [] if ran.returncode == 0 else [" ".join((ran.stdout + ran.stderr).replace(f"{folder}/", "").split())]


def configured(folder):
    """NATS takes its configuration, and listens where its pods say."""
    for file, one in folder.of("ConfigMap"):
        content = one.get("data", {}).get("nats.conf")
        if content is None:
            continue
        name = f"ConfigMap/{one['metadata']['name']}"
        pods = [
            pod
            for pod in folder.pods
            if any(volume.get("configMap", {}).get("name") == one["metadata"]["name"] for volume in pod.spec.get("volumes", []))
        ]
        for pod in pods:
            environment = {}
            for variable in pod.containers[0].get("env", []):
                reference = variable.get("valueFrom", {}).get("secretKeyRef", {})
                example = folder.named("Secret", reference.get("name")) or {}
                environment[variable["name"]] = example.get("stringData", {}).get(reference.get("key"), "example")
            for said in nats_server(content, tuple(sorted(environment.items()))):
                yield file, f"{name}: {said}"
            told = {int(port) for port in re.findall(r"^(?:http_)?port: (\d+)$", content, re.MULTILINE)}
            if told != pod.ports():
                yield file, f"{name}: the ports {sorted(told)} are not those of {pod.name}, {sorted(pod.ports())}"
            most = re.search(r"max_file_store: (\d+)GB", content)
            claims = pod.owner["spec"].get("volumeClaimTemplates", [])
            if not most or any(amount(claim["spec"]["resources"]["requests"]["storage"]) <= int(most[1]) * 2**30 for claim in claims):
                yield file, f"{name}: `max_file_store` does not fit the volume"


def selects(selector, labels):
    """Whether a selector of labels takes them."""
    if not selector.get("matchLabels", {}).items() <= labels.items():
        return False
    for one in selector.get("matchExpressions", []):
        value, operator = labels.get(one["key"]), one["operator"]
        good = {
            "In": value in one.get("values", []),
            "NotIn": value not in one.get("values", []),
            "Exists": value is not None,
            "DoesNotExist": value is None,
        }
        if not good[operator]:
            return False
    return True


class Network:
    """The policies of a folder, as a network enforces them."""

    def __init__(self, folder):
        self.policies = [(file, one, folder.namespace(one)) for file, one in folder.of("NetworkPolicy")]

    def rules(self, pod, direction):
        """The rules that hold for a pod; None where nothing confines it."""
        held = [
            one["spec"]
            for _, one, namespace in self.policies
            if namespace == pod.namespace
            and selects(one["spec"]["podSelector"], pod.labels)
            and direction.capitalize() in one["spec"]["policyTypes"]
        ]
        return [rule for spec in held for rule in spec.get(direction, [])] if held else None

    def one_way(self, pod, other, port, protocol, direction):
        rules = self.rules(pod, direction)
        if rules is None:
            return True
        peers = "to" if direction == "egress" else "from"
        listener = other if direction == "egress" else pod
        for rule in rules:
            ports = {(one.get("protocol", "TCP"), listener.port(one["port"]) or one["port"]) for one in rule.get("ports", [])}
            meant = any(self.is_peer(peer, pod, other) for peer in rule.get(peers, []))
            if (meant or not rule.get(peers)) and ((protocol, port) in ports or not ports):
                return True
        return False

    @staticmethod
    def is_peer(peer, pod, other):
        if "ipBlock" in peer:
            return False
        namespaces = peer.get("namespaceSelector")
        if namespaces is None:
            if pod.namespace != other.namespace:
                return False
        elif not selects(namespaces, {"kubernetes.io/metadata.name": other.namespace}):
            return False
        return selects(peer.get("podSelector", {}), other.labels)

    def reaches(self, source, target, port, protocol="TCP"):
        return self.one_way(source, target, port, protocol, "egress") and self.one_way(
            target, source, port, protocol, "ingress"
        )


def separated(folder):
    """Who reaches whom is what the manifests need, and nothing more."""
    network = Network(folder)
    if not network.policies:
        return
    for file, one, _ in network.policies:
        name = f"NetworkPolicy/{one['metadata']['name']}"
        if not any(selects(one["spec"]["podSelector"], pod.labels) for pod in folder.pods):
            yield file, f"{name}: no pod has the labels that it is for"
        for direction, peers in (("ingress", "from"), ("egress", "to")):
            for rule in one["spec"].get(direction, []):
                if not rule.get(peers) or not rule.get("ports"):
                    yield file, f"{name}: a rule names no peers or no ports, and so allows all"
                for peer in rule.get(peers, []):
                    if "ipBlock" in peer and (direction == "ingress" or peer["ipBlock"]["cidr"].endswith("/0")):
                        yield file, f"{name}: it allows addresses, more than a store's"
                    near = "podSelector" in peer and "namespaceSelector" not in peer
                    if near and not any(selects(peer["podSelector"], pod.labels) for pod in folder.pods):
                        yield file, f"{name}: no pod has the labels of a peer"
    file = network.policies[0][0]
    for pod in folder.pods:
        for direction in ("ingress", "egress"):
            if network.rules(pod, direction) is None:
                yield file, f"nothing confines the {direction} of {pod.name}"

    namespace = folder.pods[0].namespace
    keda = Pod.elsewhere("keda-operator", {"app": "keda-operator"}, "keda")
    dns = Pod.elsewhere("kube-dns", {"k8s-app": "kube-dns"}, "kube-system")
    strangers = [Pod.elsewhere(f"stranger in {where}", {"app": "stranger"}, where) for where in (namespace, "keda", "other")]
    wanted = set()
    for _, pod, host, port in addresses(folder):
        for target in folder.behind(folder.service(host) or {"spec": {}}):
            wanted.add((pod.name if pod else keda.name, target.name, port))
    for source in [*folder.pods, keda, *strangers]:
        for target in [*folder.pods, *strangers]:
            ports = target.ports() | {80, 443}
            for port in sorted(ports):
                does = network.reaches(source, target, port)
                if source in strangers and target in strangers or source is keda and target in strangers:
                    continue
                if does != ((source.name, target.name, port) in wanted):
                    yield file, f"{source.name} {'reaches' if does else 'does not reach'} {target.name} at {port}"
    for pod in folder.pods:
        named = any(other is pod for _, other, _, _ in addresses(folder))
        for protocol in ("UDP", "TCP"):
            does = network.one_way(pod, dns, 53, protocol, "egress")
            if does != named:
                yield file, f"{pod.name} {'reaches' if does else 'does not reach'} DNS over {protocol}"
        rules = network.rules(pod, "egress") or []
        does = any("ipBlock" in peer for rule in rules for peer in rule.get("to", []))
        arguments = [one for container in pod.containers for one in container.get("args", [])]
        if does != any(one.startswith("--store=") for one in arguments):
            yield file, f"{pod.name} {'reaches' if does else 'does not reach'} a store"
