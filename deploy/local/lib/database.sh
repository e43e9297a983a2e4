# The stack's PostgreSQL: a private server on a unix socket, or the one that PORTFOLIO_DATABASE_URL names.
# shellcheck shell=bash

# The newest installed server's programs, or those that made the data directory.
postgres_programs() {
    local version
    if [ -f "$DATA/PG_VERSION" ]; then
        version=$(cat "$DATA/PG_VERSION")
        [ -x "/usr/lib/postgresql/$version/bin/postgres" ] \
            || die "the database in $DATA was made by PostgreSQL $version, which is not installed"
    else
        version=$(ls /usr/lib/postgresql 2>/dev/null | sort -V | tail -n 1)
        [ -n "$version" ] || die "PostgreSQL is not installed: run 'make deps'"
    fi
    printf '/usr/lib/postgresql/%s/bin\n' "$version"
}

# The URL of the database's owner: migrations, and people.
owner_url() {
    if [ -n "$OUTSIDE_DATABASE_URL" ]; then
        printf '%s\n' "$OUTSIDE_DATABASE_URL"
    else
        printf 'postgresql://postgres@/portfolio?host=%s\n' "$SOCKETS"
    fi
}

# The same without its password: for printing.
owner_url_for_people() { owner_url | sed -E 's#^([a-z]+://[^:@/]*):[^@/]*@#\1:***@#'; }

# The password in the outside URL, still percent-encoded; empty when there is none.
outside_password() { sed -nE 's#^[a-z]+://[^:@/]*:([^@/]*)@.*#\1#p' <<<"$OUTSIDE_DATABASE_URL"; }

# A role's own password on an outside server: made from the owner's, so that every stack on that database finds the same
# one and no function learns the owner's.
role_password() { printf '%s:%s' "$1" "$(outside_password)" | sha256sum | cut -c1-40; }

# A function's URL: the owner's with the function's own login role.
role_url() {
    local role=$1 login=$1
    if [ -n "$(outside_password)" ]; then login=$role:$(role_password "$role"); fi
    owner_url | sed -E "s#^([a-z]+://)([^@/]*@)?#\\1$login@#"
}

create_database_cluster() {
    [ -z "$OUTSIDE_DATABASE_URL" ] || return 0
    if [ -f "$DATA/PG_VERSION" ]; then return; fi
    say "making a private PostgreSQL database in $DATA"
    rm -rf "$DATA.new"
    # Trust is enough: the only way in is a socket in a directory that no other user can enter.
    as_service "$(postgres_programs)/initdb" -D "$DATA.new" -U postgres --auth=trust --encoding=UTF8 --locale=C.UTF-8 \
        --data-checksums --no-instructions >"$STATE/logs/initdb.log" \
        || { cat "$STATE/logs/initdb.log" >&2; die "initdb failed"; }
    mv "$DATA.new" "$DATA"
}

wait_for_database() {
    local attempt
    for attempt in $(seq 1 150); do
        if pg_isready -q -d "$(owner_url)"; then return; fi
        # A server that is starting answers "starting up": also not ready yet. But a stranger's may never answer.
        if [ -n "$OUTSIDE_DATABASE_URL" ] && [ "$attempt" -ge 50 ]; then break; fi
        sleep 0.1
    done
    die "PostgreSQL does not answer at $(owner_url_for_people); see 'make logs'"
}

# Creates the private database if need be, and brings any database to the newest migration.
migrate_database() {
    if [ -z "$OUTSIDE_DATABASE_URL" ]; then
        local maintenance="postgresql://postgres@/postgres?host=$SOCKETS"
        if [ "$(psql -XAtq -d "$maintenance" -c "SELECT 1 FROM pg_database WHERE datname = 'portfolio'")" != 1 ]; then
            psql -XAtq -d "$maintenance" -c 'CREATE DATABASE portfolio'
        fi
    fi
    run_sqitch deploy --verify >"$STATE/logs/migrations.log" 2>&1 \
        || { cat "$STATE/logs/migrations.log" >&2; die "the migrations failed"; }
    give_roles_passwords
}

run_sqitch() { sqitch_at "$(owner_url)" "$@"; }

# Runs sqitch on a database by its URL, without the caller's own sqitch settings.
sqitch_at() {
    local url=$1
    shift
    (
        cd "$PROJECT/Migrations"
        SQITCH_USER_CONFIG=/dev/null SQITCH_SYSTEM_CONFIG=/dev/null \
            SQITCH_FULLNAME='Local stack' SQITCH_EMAIL=stack@localhost \
            sqitch "$1" "${@:2}" --target "db:$url"
    )
}

# On an outside server that asks for passwords the login roles need one each; the statements go by standard input, where
# no process list shows them.
give_roles_passwords() {
    [ -n "$OUTSIDE_DATABASE_URL" ] && [ -n "$(outside_password)" ] || return 0
    local role
    function_rows | awk '{ print $5 }' | sort -u | while read -r role; do
        printf "ALTER ROLE %s PASSWORD '%s';\n" "$role" "$(role_password "$role")"
    done | psql -Xq -v ON_ERROR_STOP=1 -d "$(owner_url)"
}
