"""Holds the files of `deploy/` and `docs/openapi.yaml` against their schemas,
and those of one folder against each other (`agree.py`).

    validate.py [options] ROOT...

A root is a folder like the repository's. Every mistake is a line
`ROOT/FILE: what`, and the exit code is 1; else what was checked is listed. It
asks nothing of a network: `setup.sh` installs the schemas.
"""

import argparse
import functools
import json
import pathlib
import subprocess
import sys
import tempfile
import tomllib

import jsonschema
import kubernetes_validate
import yaml
from cloudcoil.models.keda.v1alpha1 import ScaledObject
from cloudcoil.models.knative_serving.serving import v1 as knative
from jsonschema.exceptions import best_match
from openapi_spec_validator import OpenAPIV31SpecValidator

import agree

KUBERNETES = "1.37"
HERE = pathlib.Path(__file__).parent
BIN = pathlib.Path(sys.executable).parent


class Loader(yaml.SafeLoader):
    """Refuses what YAML takes for one of two meanings: a key told twice."""


def mapping(loader, node):
    seen = set()
    for key, _ in node.value:
        if key.value in seen:
            raise yaml.constructor.ConstructorError(
                None, None, f"`{key.value}` is told twice", key.start_mark
            )
        seen.add(key.value)
    return loader.construct_mapping(node, deep=True)


def short_tag(loader, suffix, node):
    """CloudFormation's `!Ref` and the like; its own validator reads them."""
    return f"!{suffix} {node.value}"


Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, mapping)
Loader.add_multi_constructor("!", short_tag)


def strict(schema):
    """The schema, which takes no field that it does not name."""
    if isinstance(schema, dict):
        if "properties" in schema:
            schema.setdefault("additionalProperties", False)
        for part in schema.values():
            strict(part)
    elif isinstance(schema, list):
        for part in schema:
            strict(part)
    return schema


def own(name):
    return json.loads((HERE / f"{name}.schema.json").read_text())


SCHEMAS = {
    ("keda.sh/v1alpha1", "ScaledObject"): ("KEDA 2.16", strict(ScaledObject.model_json_schema())),
    ("serving.knative.dev/v1", "Service"): ("Knative Serving 1.17", strict(knative.Service.model_json_schema())),
    ("core.spinkube.dev/v1alpha1", "SpinApp"): ("spinapp.schema.json", own("spinapp")),
    ("core.oam.dev/v1beta1", "Application"): ("wadm.schema.json", own("wadm")),
}

KUSTOMIZATION = {
    "type": "object",
    "additionalProperties": False,
    "required": ["apiVersion", "kind", "resources"],
    "properties": {
        "apiVersion": {"const": "kustomize.config.k8s.io/v1beta1"},
        "kind": {"const": "Kustomization"},
        "namespace": {"type": "string"},
        "resources": {"type": "array", "items": {"type": "string"}},
        "images": {
            "type": "array",
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["name"],
                "properties": {name: {"type": "string"} for name in ("name", "newName", "newTag", "digest")},
            },
        },
    },
}
SCHEMAS["kustomize.config.k8s.io/v1beta1", "Kustomization"] = ("kustomization", KUSTOMIZATION)


def broken(schema, document):
    found = map(best_match, ([error] for error in jsonschema.Draft202012Validator(schema).iter_errors(document)))
    return [f"{dotted(error.absolute_path)}: {error.message}" for error in found]


def dotted(path):
    return ".".join(str(part) for part in path) or "."


def check_document(document):
    """The schema's name, and the mistakes."""
    return check_json(json.dumps(document, sort_keys=True, default=str))


@functools.cache
def check_json(content):
    document = json.loads(content)
    if not isinstance(document, dict) or not {"apiVersion", "kind"} <= document.keys():
        return None, ["is no manifest: it has no `apiVersion` or no `kind`"]
    kind = document["apiVersion"], document["kind"]
    if kind in SCHEMAS:
        name, schema = SCHEMAS[kind]
        return name, broken(schema, document)
    try:
        kubernetes_validate.validate(document, KUBERNETES, strict=True)
    except kubernetes_validate.ValidationError as error:
        return None, [f"{dotted(error.path)}: {error.message}"]
    except kubernetes_validate.SchemaNotFoundError:
        return None, [f"no schema for `{document['kind']}` of `{document['apiVersion']}`"]
    return f"Kubernetes {KUBERNETES}", []


def tool(arguments, content, name):
    """What a program says of a file with this content, if anything."""
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / name
        path.write_text(content)
        ran = subprocess.run([*arguments, path], capture_output=True, text=True, check=False)
    if ran.returncode == 0:
        return []
    said = (ran.stdout + ran.stderr).replace(f"{folder}/", "")
    return [" ".join(said.split())]


@functools.cache
def check_compose(content):
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec"]
    return tool(command, content, "compose.yaml")


@functools.cache
def check_cloudformation(content):
    return tool([BIN / "cfn-lint"], content, "template.yaml")


@functools.cache
def check_dockerfile(content):
    # Versions of Debian's packages are not pinned: it keeps no old ones.
    return tool([BIN / "hadolint", "--no-color", "--ignore", "DL3008"], content, "Dockerfile")


@functools.cache
def read(content):
    return list(yaml.load_all(content, Loader))


@functools.cache
def check_openapi(content):
    document = yaml.load(content, Loader)
    found = OpenAPIV31SpecValidator(document).iter_errors()
    return [f"{dotted(error.absolute_path)}: {error.message}" for error in found]


def check_spin(content):
    manifest = tomllib.loads(content)
    wrong = []
    if manifest.get("spin_manifest_version") != 2:
        wrong.append("`spin_manifest_version` is not 2")
    components = manifest.get("component", {})
    for trigger in manifest.get("trigger", {}).get("http", []):
        if trigger["component"] not in components:
            wrong.append(f"no component `{trigger['component']}`")
    return wrong


class Root:
    """A folder like the repository's, with what was found in it."""

    def __init__(self, path, expected):
        self.path, self.expected = path, expected
        self.checked, self.mistakes, self.folders = [], [], {}

    def check(self):
        for file in sorted(path for path in self.path.joinpath("deploy").rglob("*") if path.is_file()):
            self.guarded(file, self.check_file)
        self.guarded(self.path / "docs/openapi.yaml", self.check_openapi)
        # Files that are wrong by themselves are not held against others.
        if not self.mistakes:
            for folder, documents in self.folders.items():
                for file, mistake in agree.mistakes(folder, documents, self.expected):
                    self.wrong(file.relative_to(self.path), [mistake])

    def guarded(self, file, check):
        try:
            check(file, file.relative_to(self.path))
        except (OSError, yaml.YAMLError, tomllib.TOMLDecodeError) as error:
            self.wrong(file.relative_to(self.path), [" ".join(str(error).split())])

    def wrong(self, file, mistakes):
        self.mistakes.extend(f"{self.path}/{file}: {mistake}" for mistake in mistakes)

    def by(self, name, file, mistakes):
        self.checked.append(f"{file}: {name}")
        self.wrong(file, mistakes)

    def check_openapi(self, path, file):
        self.by("OpenAPI 3.1", file, check_openapi(path.read_text()))

    def check_file(self, path, file):
        name = path.name
        if name == "Dockerfile":
            self.by("hadolint", file, check_dockerfile(path.read_text()))
        elif name == "compose.yaml":
            yaml.load(path.read_text(), Loader)
            self.by("compose-spec", file, check_compose(path.read_text()))
        elif path.suffix == ".toml":
            self.by("spin.toml", file, check_spin(path.read_text()))
        elif path.suffix in (".yaml", ".yml", ".json"):
            content = path.read_text()
            documents = read(content)
            if "AWSTemplateFormatVersion" in documents[0]:
                self.by("CloudFormation", file, check_cloudformation(content))
                return
            for document in documents:
                schema, mistakes = check_document(document)
                if mistakes:
                    self.wrong(file, mistakes)
                    continue
                name = document.get("metadata", {}).get("name", "")
                self.checked.append(f"{file}: {schema}: {document['kind']}/{name}")
                self.folders.setdefault(path.parent, []).append((path, document))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stream", required=True, help="the JetStream stream of `fanout`")
    parser.add_argument("--consumer", required=True, help="its consumer")
    parser.add_argument("--timeout", required=True, type=int, help="a task's seconds, unless told")
    parser.add_argument("--memory", required=True, type=int, help="a task's bytes, unless told")
    parser.add_argument("roots", nargs="+", type=pathlib.Path)
    arguments = parser.parse_args()
    mistakes = []
    for path in arguments.roots:
        root = Root(path, arguments)
        root.check()
        mistakes.extend(root.mistakes)
        if not root.mistakes:
            print(*root.checked, sep="\n")
    if mistakes:
        print(*mistakes, sep="\n", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
