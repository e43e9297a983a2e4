# Supervisor's configuration for this stack, and the calls that steer it.
# shellcheck shell=bash disable=SC2153

# Settings of the stack itself: they steer these scripts and are no business of a function's.
readonly STACK_SETTINGS='HTTP_PORT|GRPC_PORT|RUN_DIR|DATABASE_URL|BODY_LIMIT_BYTES|DEMO|KEEP|BIN_DIR|LOG_LEVEL|GRPC_BUILD'

# One entry of supervisor's `environment=`: quoted, with its own escape for per cent signs.
environment_entry() {
    case $2 in
        *[$'"\\\n']*) die "the value of $1 holds a quote, a backslash or a line break" ;;
    esac
    printf ',%s="%s"' "$1" "${2//%/%%}"
}

# What a function finds in its environment: its database, its limits, and the caller's PORTFOLIO_* and OPENBLAS_*.
function_environment() {
    local role=$1 body_limit=$2 name
    printf 'PATH="/usr/bin:/bin",LANG="C.UTF-8"'
    environment_entry PORTFOLIO_DATABASE_URL "$(role_url "$role")"
    environment_entry PORTFOLIO_BODY_LIMIT_BYTES "$body_limit"
    # nginx logs every request already, and supervisor would copy a second line of each through its own hands.
    environment_entry PORTFOLIO_LOG_LEVEL "${PORTFOLIO_LOG_LEVEL:-warning}"
    # A crash must end at once and be restarted; the toolchain's backtracer would hold the process and its pipes.
    environment_entry SWIFT_BACKTRACE enable=no
    # Two BLAS threads on a busy host make a factorization many times slower; the processes are the parallelism.
    environment_entry OPENBLAS_NUM_THREADS "${OPENBLAS_NUM_THREADS:-1}"
    # Matrices of a few megabytes come and go with every job: giving them back to the system each time and having them
    # zeroed again costs a worker a sixth of its time.
    if [ "$role" = portfolio_worker ]; then
        environment_entry MALLOC_MMAP_THRESHOLD_ 33554432
        environment_entry MALLOC_TRIM_THRESHOLD_ 134217728
    fi
    for name in $(compgen -e | grep -E '^(OPENBLAS|PORTFOLIO)_' | grep -Ev "^PORTFOLIO_($STACK_SETTINGS)$" | sort); do
        [ "$name" = OPENBLAS_NUM_THREADS ] || environment_entry "$name" "${!name}"
    done
    printf '\n'
}

supervisor_head() {
    cat <<CONF
; Made by deploy/local/stack at every 'make up'; edit deploy/local/ instead.
[unix_http_server]
file = $SOCKETS/supervisor.sock
chmod = 0700

[supervisord]
pidfile = $SUPERVISOR_PID
logfile = $STATE/logs/supervisord.log
logfile_maxbytes = 10MB
logfile_backups = 1
childlogdir = $STATE/logs
directory = $STATE
umask = 007
minfds = 4096

[supervisorctl]
serverurl = unix://$SOCKETS/supervisor.sock

[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface
CONF
}

# What all programs share: they come back when they die, and say what they have to say in a log of their own.
program_tail() {
    cat <<CONF
directory = $STATE
autorestart = true
startretries = 20
redirect_stderr = true
stdout_logfile = $STATE/logs/$1.log
stdout_logfile_maxbytes = 10MB
stdout_logfile_backups = 1
CONF
}

postgres_section() {
    [ -z "$OUTSIDE_DATABASE_URL" ] || return 0
    # INT is PostgreSQL's fast shutdown: it ends the sessions and leaves a clean database.
    cat <<CONF

[program:postgres]
command = $(postgres_programs)/postgres -D $DATA -k $SOCKETS -c config_file=$STATE/etc/postgresql.conf
priority = 10
stopsignal = INT
stopwaitsecs = 60
$(program_tail postgres)
CONF
}

# A listener's socket is made by supervisor and outlives the process, so a restart loses no connection. Functions and
# nginx start only when the database is migrated: the stack starts them by name.
function_section() {
    local name=$1 kind=$2 processes=$3 body_limit=$4 role=$5
    if [ "$kind" = fastcgi ]; then
        cat <<CONF

[fcgi-program:$name]
socket = unix://$SOCKETS/$name.sock
socket_mode = 0660
socket_backlog = 511
CONF
    else
        printf '\n[program:%s]\n' "$name"
    fi
    cat <<CONF
command = $STATE/bin/$name
process_name = %(program_name)s-%(process_num)d
numprocs = $processes
priority = 20
autostart = false
stopsignal = TERM
stopwaitsecs = 15
environment = $(function_environment "$role" "$body_limit")
$(program_tail "$name")
CONF
}

# TERM is nginx's fast shutdown. Its workers go with it even if it has to be killed.
nginx_section() {
    cat <<CONF

[program:nginx]
command = $STATE/bin/start-nginx $(nginx_program)
priority = 30
autostart = false
stopsignal = TERM
killasgroup = true
$(program_tail nginx)
CONF
}

supervisor_configuration() {
    supervisor_head
    postgres_section
    function_rows | while read -r name kind processes body_limit role; do
        function_section "$name" "$kind" "$processes" "$body_limit" "$role"
    done
    nginx_section
}

control() { as_service supervisorctl -c "$SUPERVISOR_CONF" "$@"; }

# Supervisor's pid when it is ours and alive: a pid file alone may name a stranger.
supervisor_pid() {
    local pid
    pid=$(cat "$SUPERVISOR_PID" 2>/dev/null) || return 1
    tr '\0' ' ' 2>/dev/null <"/proc/$pid/cmdline" | grep -qF -- "$SUPERVISOR_CONF" || return 1
    printf '%s\n' "$pid"
}

# Starts supervisor with an empty environment, or makes it take in what changed in its configuration.
start_supervisor() {
    if supervisor_pid >/dev/null; then
        control update | sed '/^$/d'
        return
    fi
    as_service env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 HOME="$STATE" \
        supervisord -c "$SUPERVISOR_CONF" 9>&-
}

# The names, as supervisor knows them, of the processes that are not running (`group:process`).
stopped_processes() { control status | awk '$2 != "RUNNING" && $2 != "STARTING" { print $1 }' || true; }

start_stopped_processes() {
    local stopped
    [ -n "$(stopped_processes)" ] || return 0
    # `all` starts them side by side; by name it would be one a second.
    control start all | grep -v ': started$' >&2 || true
    stopped=$(stopped_processes)
    [ -z "$stopped" ] || die "these did not start: ${stopped//$'\n'/ }; see 'make logs'"
}

# `group:process pid` of the given processes that run.
running_pids() { control status "$@" | awk '$2 == "RUNNING" { print $1, $4 }' || true; }

# Ends processes and waits until supervisor runs each anew.
replace_processes() {
    local before after attempt
    [ $# -gt 0 ] || return 0
    before=$(running_pids "$@")
    control signal TERM "$@" >/dev/null
    for attempt in $(seq 1 60); do
        sleep 0.5
        after=$(running_pids "$@")
        if [ "$(wc -l <<<"$after")" -eq $# ] && ! grep -qFxf <(printf '%s' "$before") <<<"$after"; then return; fi
    done
    die "restarted, but not running after $((attempt / 2)) s: $*; see 'make logs'"
}

# Restarts functions without closing a socket: supervisor keeps it as long as one member lives, so the first members are
# replaced before the others, and a program that does not start leaves the old ones serving.
restart_members() {
    [ $# -gt 0 ] || return 0
    local members first others
    say "restarting: $*"
    members=$(control status | awk '{ print $1 }' | grep -E "^($(tr ' ' '|' <<<"$*")):" || true)
    first=$(grep -E -- '-0$' <<<"$members" || true)
    others=$(grep -Ev -- '-0$' <<<"$members" || true)
    # shellcheck disable=SC2086  # one argument a name
    { replace_processes $first && replace_processes $others; }
}

# The pids of functions and nginx of this stack, each by what it runs: a pid file alone may name a stranger.
own_pids() {
    local process program
    for process in /proc/[0-9]*; do
        program=$(readlink "$process/exe" 2>/dev/null) || continue
        case $program in
            "$STATE"/bin/*) ;;
            */nginx) [ "$(readlink "$process/cwd" 2>/dev/null)" = "$STATE" ] || continue ;;
            *) continue ;;
        esac
        printf '%s\n' "${process#/proc/}"
    done
}

# Stops what a supervisor that was killed left behind.
stop_leftovers() {
    local attempt pids
    for attempt in $(seq 1 100); do
        pids=$(own_pids)
        [ -n "$pids" ] || break
        # shellcheck disable=SC2086  # one argument a pid
        case $attempt in
            1) kill -TERM $pids 2>/dev/null || true ;;
            100) kill -KILL $pids 2>/dev/null || true ;;
        esac
        sleep 0.1
    done
    if [ -f "$DATA/postmaster.pid" ]; then
        as_service "$(postgres_programs)/pg_ctl" stop -s -w -m fast -D "$DATA" >/dev/null 2>&1 || true
    fi
}

# Stops everything by way of supervisor, which ends each program in turn; then whatever is left.
stop_supervisor() {
    local pid attempt
    if pid=$(supervisor_pid); then
        kill -TERM "$pid"
        for attempt in $(seq 1 900); do
            [ -d "/proc/$pid" ] || break
            sleep 0.1
        done
        if [ -d "/proc/$pid" ]; then
            say "supervisor did not end in ${attempt}00 ms: killing it"
            kill -KILL "$pid"
        fi
    fi
    stop_leftovers
}
