# nginx's configuration: the repository's own files, with the ports put in where it listens.
# shellcheck shell=bash

nginx_program() { PATH=$PATH:/usr/sbin command -v nginx || die "nginx is not installed: run 'make deps'"; }

# Copies the configuration to a folder; everything but the ports is used as it stands in the repository.
render_nginx() {
    local target=$1
    mkdir -p "$target"
    cp -R "$PROJECT/nginx/." "$target"
    sed -i -E "s/127\.0\.0\.1:8080/127.0.0.1:$HTTP_PORT/" "$target/snippets/listen.conf"
    sed -i -E "s/127\.0\.0\.1:9090/127.0.0.1:$GRPC_PORT/" "$target/snippets/listen_grpc.conf"
    # A port that nothing stands behind is not opened.
    if ! grpc_is_built; then rm -f "$target/sites/grpc.conf"; fi
}

# Says what is wrong with a rendered configuration; silent when all is well.
test_nginx() {
    local prefix=$1 configuration=$2 complaints
    complaints=$(as_service "$(nginx_program)" -t -q -p "$prefix/" -c "$configuration" -e "$prefix/logs/nginx.log" 2>&1) \
        || die "nginx refuses its configuration: $complaints"
    # A warning is a fault that has not happened yet.
    [ -z "$complaints" ] || die "nginx warns: $complaints"
}

# True when something answers on the port.
port_is_taken() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }
