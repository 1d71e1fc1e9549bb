# Sourced by the commands of a page of the book: what a reader has in several
# terminals goes on in one. A server starts in the background, and the next command
# waits until it says that it serves.

# in_background LINE COMMAND...: until the command prints a line with LINE.
in_background() {
    line=$1
    shift
    mkfifo "$LOGS/said.$((servers += 1))"
    "$@" >"$LOGS/said.$servers" 2>&1 &
    exec {said}<"$LOGS/said.$servers"
    while read -r text <&"$said"; do
        echo "$text"
        case $text in
            *"$line"*)
                # What nobody reads stops its writer once the pipe is full.
                cat <&"$said" >/dev/null &
                return
                ;;
        esac
    done
    echo "the server ended: $*"
    return 1
}

servers=0

fanout() {
    case $1 in
        worker) in_background "at a time" command fanout "$@" ;;
        dashboard) in_background "http://" command fanout "$@" ;;
        *) command fanout "$@" ;;
    esac
}

wasmtime() {
    in_background "Serving HTTP on" command wasmtime "$@"
}

nats-server() {
    in_background "Server is ready" command nats-server --addr 127.0.0.1 --store_dir "$LOGS/nats" "$@"
}
