# Reads functions.conf, and puts the built programs where the service user can run them.
# shellcheck shell=bash disable=SC2034

# Prints the table's rows: function, kind, processes, body limit, role. gRPC is left out where it has not been built.
function_rows() {
    local left_out='^$'
    if ! grpc_is_built; then left_out='^grpc[[:space:]]'; fi
    grep -Ev '^[[:space:]]*(#|$)' "$LOCAL/functions.conf" | grep -Ev "$left_out"
}

# The folder of gRPC's program: a package of its own, that tests build without optimization and `make grpc` with.
grpc_build_folder() {
    local build=${PORTFOLIO_GRPC_BUILD:-}
    if [ -z "$build" ]; then
        build=release
        if [ ! -x "$PROJECT/functions/grpc/.build/release/grpc" ]; then build=debug; fi
    fi
    printf '%s\n' "$PROJECT/functions/grpc/.build/$build"
}

grpc_is_built() { [ "${PORTFOLIO_GRPC_BUILD:-}" != none ] && [ -x "$(grpc_build_folder)/grpc" ]; }

# The program of a function, as it was built.
built_program() {
    case $1 in
        grpc) printf '%s/grpc\n' "$(grpc_build_folder)" ;;
        *) printf '%s/%s\n' "${PORTFOLIO_BIN_DIR:-$PROJECT/.build/release}" "$1" ;;
    esac
}

function_names() { function_rows | awk '{ print $1 }'; }

# Copies what differs, by rename, so that a running program's file is never written into. Prints the names copied.
copy_if_changed() {
    local source=$1 target=$2
    if cmp -s "$source" "$target"; then return; fi
    cp "$source" "$target.new"
    chmod 0755 "$target.new"
    mv -f "$target.new" "$target"
    basename "$target"
}

# The libraries of the Swift toolchain that a program needs: all that the system's own folders do not hold.
toolchain_libraries() {
    ldd "$1" | awk '$2 == "=>" && $3 ~ /^\// { print $3 }' | grep -Ev '^/(usr/)?lib/[^/]+$|^/(usr/)?lib/[^/]*-linux-gnu' || true
}

# Stages the programs and their Swift libraries in $STATE/bin, so that neither the checkout nor the toolchain need be
# readable to the service user: SwiftPM's programs look for libraries beside themselves first. Sets CHANGED_FUNCTIONS.
stage_functions() {
    local name library missing='' changed='' libraries_changed
    for name in $(function_names); do [ -x "$(built_program "$name")" ] || missing+=" $name"; done
    [ -z "$missing" ] || die "not built yet:$missing (run 'make build')"

    copy_if_changed "$LOCAL/start-nginx" "$STATE/bin/start-nginx" >/dev/null
    libraries_changed=$(
        for name in $(function_names); do toolchain_libraries "$(built_program "$name")"; done | sort -u | while read -r library; do
            copy_if_changed "$library" "$STATE/bin/$(basename "$library")"
        done
    )
    for name in $(function_names); do
        if [ -n "$(copy_if_changed "$(built_program "$name")" "$STATE/bin/$name")$libraries_changed" ]; then changed+=" $name"; fi
    done
    CHANGED_FUNCTIONS=$changed
}
