# Reads functions.conf, and puts the built programs where the service user can run them.
# shellcheck shell=bash disable=SC2034

# Prints the table's rows: function, kind, processes, body limit, role.
function_rows() { grep -Ev '^[[:space:]]*(#|$)' "$LOCAL/functions.conf"; }

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
    local built=${PORTFOLIO_BIN_DIR:-$PROJECT/.build/release} name library missing='' changed='' libraries_changed
    for name in $(function_names); do [ -x "$built/$name" ] || missing+=" $name"; done
    [ -z "$missing" ] || die "not built yet:$missing (run 'make build')"

    copy_if_changed "$LOCAL/start-nginx" "$STATE/bin/start-nginx" >/dev/null
    libraries_changed=$(
        for name in $(function_names); do toolchain_libraries "$built/$name"; done | sort -u | while read -r library; do
            copy_if_changed "$library" "$STATE/bin/$(basename "$library")"
        done
    )
    for name in $(function_names); do
        if [ -n "$(copy_if_changed "$built/$name" "$STATE/bin/$name")$libraries_changed" ]; then changed+=" $name"; fi
    done
    CHANGED_FUNCTIONS=$changed
}
