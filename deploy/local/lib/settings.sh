# Where the stack lives, what it is called and whom it runs as; every script of this folder reads this file first.
# shellcheck shell=bash disable=SC2034  # the names set here are used by the scripts that source it
set -euo pipefail

PROJECT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../../.." && pwd -P)
LOCAL=$PROJECT/deploy/local

HTTP_PORT=${PORTFOLIO_HTTP_PORT:-8080}
GRPC_PORT=${PORTFOLIO_GRPC_PORT:-9090}
OUTSIDE_DATABASE_URL=${PORTFOLIO_DATABASE_URL:-}
BASE_URL=http://127.0.0.1:$HTTP_PORT

# A proxy or a database of the caller's own shell must not come between the stack and its parts.
unset http_proxy https_proxy HTTP_PROXY HTTPS_PROXY all_proxy ALL_PROXY
unset PGHOST PGHOSTADDR PGPORT PGUSER PGDATABASE PGOPTIONS PGSERVICE PGPASSWORD
unset SQITCH_TARGET SQITCH_CONFIG

say() { printf '%s\n' "$*"; }
die() { printf 'error: %s\n' "$*" >&2; exit 1; }

# PostgreSQL refuses to run as root, and nothing else here needs to.
if [ "$(id -u)" -eq 0 ]; then SERVICE_USER=portfolio; else SERVICE_USER=$(id -un); fi

# Runs a command as the service user, from a directory that every user may enter.
as_service() (
    cd /
    if [ "$(id -u)" -eq 0 ]; then
        exec setpriv --reuid="$SERVICE_USER" --regid="$SERVICE_USER" --init-groups --no-new-privs -- "$@"
    fi
    exec "$@"
)

# A path that ends in the checkout's folder when it is relative; links are kept as written.
absolute_path() {
    case $1 in
        /*) realpath -ms -- "$1" ;;
        *) realpath -ms -- "$PROJECT/$1" ;;
    esac
}

# The nearest existing directory at or above a path.
nearest_directory() {
    local path=$1
    while [ ! -d "$path" ]; do path=$(dirname "$path"); done
    printf '%s\n' "$path"
}

# Where the state really is: the run directory itself, or a folder below /var/tmp that the run directory links to,
# when the service user could not reach it (a checkout below /root) or its name would need quoting everywhere.
state_directory() {
    if [ -L "$RUN_DIR" ]; then
        readlink -m -- "$RUN_DIR"
    elif [[ $RUN_DIR =~ [^A-Za-z0-9/._-] ]]; then
        printf '/var/tmp/portfolio-%s\n' "$STACK_HASH"
    elif [ "$(id -u)" -eq 0 ] && id "$SERVICE_USER" >/dev/null 2>&1 \
        && ! as_service test -x "$(nearest_directory "$RUN_DIR")"; then
        printf '/var/tmp/portfolio-%s\n' "$STACK_HASH"
    else
        printf '%s\n' "$RUN_DIR"
    fi
}

RUN_DIR=$(absolute_path "${PORTFOLIO_RUN_DIR:-.run}")
STACK_HASH=$(printf '%s' "$RUN_DIR" | sha256sum | cut -c1-10)
STATE=$(state_directory)
MARKER=$STATE/.portfolio-stack

# A unix socket's path holds 107 bytes, and supervisor adds its pid to its own: 62 leave room for any function's name.
if [ ${#STATE} -le 62 ]; then SOCKETS=$STATE/sockets; else SOCKETS=/tmp/portfolio-sockets-$STACK_HASH; fi

# Where nginx keeps answers: in memory where the system has a place for it, and nowhere else on a disk than in the state.
MEMORY=/dev/shm
MEMORY_CACHE=$MEMORY/portfolio-cache-$STACK_HASH

DATA=$STATE/database
SUPERVISOR_CONF=$STATE/etc/supervisord.conf
SUPERVISOR_PID=$STATE/supervisord.pid

check_settings() {
    local port
    for port in "$HTTP_PORT" "$GRPC_PORT"; do
        [[ $port =~ ^[0-9]{1,5}$ ]] && [ "$port" -ge 1 ] && [ "$port" -le 65535 ] \
            || die "a port is a number from 1 to 65535, not '$port' (PORTFOLIO_HTTP_PORT, PORTFOLIO_GRPC_PORT)"
    done
    case ${PORTFOLIO_AUTH:-open} in
        open) ;;
        jwt) die "PORTFOLIO_AUTH=jwt is not built yet; 'open' works, and listens on 127.0.0.1 only" ;;
        *) die "PORTFOLIO_AUTH is 'open' (or, once it is built, 'jwt'), not '$PORTFOLIO_AUTH'" ;;
    esac
    case $OUTSIDE_DATABASE_URL in
        '' | postgresql://* | postgres://*) ;;
        *) die "PORTFOLIO_DATABASE_URL must begin with postgresql://" ;;
    esac
    id "$SERVICE_USER" >/dev/null 2>&1 || die "there is no user '$SERVICE_USER' yet: run 'make deps'"
}

# Makes the state's folders, and refuses a directory that holds anything else: `down` removes it whole.
prepare_state() {
    if [ -e "$STATE" ] && [ ! -f "$MARKER" ] && [ -n "$(ls -A "$STATE" 2>/dev/null)" ]; then
        die "$STATE holds other things; give PORTFOLIO_RUN_DIR an empty or a new directory"
    fi
    mkdir -p "$STATE"
    [ -O "$STATE" ] || as_service test -O "$STATE" || die "$STATE belongs to somebody else"
    if [ "$STATE" != "$RUN_DIR" ] && [ ! -L "$RUN_DIR" ]; then
        rmdir "$RUN_DIR" 2>/dev/null || true
        mkdir -p "$(dirname "$RUN_DIR")"
        ln -s "$STATE" "$RUN_DIR"
    fi
    own_state
    as_service mkdir -p "$STATE/bin" "$STATE/etc" "$STATE/logs" "$STATE/tmp"
    as_service mkdir -p -m 0700 "$SOCKETS"
    as_service test -O "$SOCKETS" || die "$SOCKETS belongs to somebody else"
    [ "$SOCKETS" = "$STATE/sockets" ] || as_service ln -sfn "$SOCKETS" "$STATE/sockets"
    prepare_cache
    printf '%s\n' "$RUN_DIR" | as_service tee "$MARKER" >/dev/null
}

# The cache's directory, for the service user alone; a link into memory when that can be had, else a folder of the state.
prepare_cache() {
    [ ! -e "$STATE/cache" ] || return 0
    rm -f "$STATE/cache"
    if [ "$(stat -f -c %T "$MEMORY" 2>/dev/null)" = tmpfs ] && as_service mkdir -p -m 0700 "$MEMORY_CACHE" 2>/dev/null \
        && [ ! -L "$MEMORY_CACHE" ] && as_service test -O "$MEMORY_CACHE"; then
        as_service chmod 0700 "$MEMORY_CACHE"
        as_service ln -sfn "$MEMORY_CACHE" "$STATE/cache"
    else
        as_service mkdir -p -m 0700 "$STATE/cache"
    fi
}

# Takes the cache away, wherever it is.
remove_cache() {
    if [ -L "$STATE/cache" ]; then as_service rm -rf "$MEMORY_CACHE"; fi
    as_service rm -rf "$STATE/cache"
}

own_state() {
    if [ "$(id -u)" -eq 0 ]; then chown "$SERVICE_USER:$SERVICE_USER" "$STATE"; fi
    as_service chmod 0700 "$STATE"
}
