# shellcheck shell=bash
# Programs that must not be installed: another QEMU than the system's own, one that the system's packages stand against, and a time
# server, which Debian allows one of.
# They are fetched from the Debian mirror that this machine itself uses and unpacked in .tools; the system's packages, sources and
# package lists stay as they are. setup.sh reads this file, and knows `root` and `say`.

readonly qemu=$root/.tools/qemu
readonly qemu_igb=$root/.tools/qemu-igb
readonly chrony=$root/.tools/chrony

# set_up_qemu: Debian 12's own QEMU, for a machine on which it cannot be installed beside what is there.
set_up_qemu() {
    unpack_debian "$qemu" qemu_answers qemu-system-x86 bookworm
}

# Whether the system's own QEMU is there, or all of an unpacked one.
qemu_exists() {
    local program
    program=$(command -v qemu-system-x86_64) && [[ $program != "$qemu"/* || -e $qemu/complete ]]
}

# set_up_qemu_igb: a QEMU that emulates Intel's igb cards, which Debian 12's own (7.2) does not: that of bookworm-backports.
# False, with the reason told, if it cannot be had.
set_up_qemu_igb() {
    unpack_debian "$qemu_igb" qemu_igb_answers qemu-system-x86 bookworm-backports
}

# set_up_chrony: the time server chrony, likewise.
set_up_chrony() {
    unpack_debian "$chrony" chrony_answers chrony bookworm
}

# unpack_debian FOLDER PROBE PACKAGE SUITE: makes sure that PACKAGE, with what it needs and the system lacks, lies in FOLDER and
# that the function PROBE holds.
unpack_debian() {
    local folder=$1 probe=$2 package=$3 suite=$4 sources state=$1.apt
    if [[ -e $folder/complete ]]; then
        return
    fi
    sources=$(unpack_sources "$suite") || return
    say "Fetching $package of $suite into ${folder#"$root"/} for the tests; the system stays as it is"
    rm -rf "$folder" "$state" && mkdir -p "$folder" "$state"/{lists,cache}/partial &&
        printf '%s\n' "$sources" >"$state/sources.list" &&
        unpack_apt "$state" update &&
        unpack_apt "$state" install --yes --download-only --no-install-recommends \
            --target-release "$suite" "$package" &&
        unpack_all "$state/cache" "$folder" &&
        "$probe" &&
        rm -rf "$state" &&
        touch "$folder/complete"
}

# unpack_sources SUITE: the lines of a sources.list with the mirror that this machine itself uses.
unpack_sources() {
    local mirror suite key=/usr/share/keyrings/debian-archive-keyring.gpg
    if ! command -v apt-get >/dev/null; then
        say "nothing can be fetched: this is not Debian"
        return 1
    fi
    # shellcheck disable=SC2016 # These are apt's variables.
    mirror=$(apt-get indextargets --format '$(REPO_URI)|$(CODENAME)|$(COMPONENT)' 'Created-By: Packages' |
        sed -n 's/|bookworm|main$//p' | head -n 1)
    if [[ -z $mirror ]]; then
        say "nothing can be fetched: no source of this machine is Debian 12 (bookworm)"
        return 1
    fi
    while read -r suite; do
        printf 'deb [signed-by=%s] %s %s main\n' "$key" "$mirror" "$suite"
    done < <(printf '%s\n' bookworm "$1" | sort -u)
}

# unpack_apt STATE ARGUMENT...: apt-get that knows these sources only and writes to STATE only. What it says is shown
# if it fails.
unpack_apt() {
    local state=$1 output
    shift
    output=$(apt-get -o Dir::Etc::SourceList="$state/sources.list" -o Dir::Etc::SourceParts=/dev/null \
        -o Dir::State::Lists="$state/lists" -o Dir::Cache="$state/cache" -o Dir::State::extended_states="$state/extended" \
        -o Dir::Log=/dev/null -o Debug::NoLocking=true -o APT::Sandbox::User= -o APT::Update::Error-Mode=any \
        "$@" 2>&1 </dev/null) || {
        say "$output"
        say "nothing can be fetched: apt-get $1 failed, see above"
        return 1
    }
}

# unpack_all CACHE FOLDER: everything that was fetched, libraries that this machine lacks included.
unpack_all() {
    local package
    for package in "$1"/archives/*.deb; do
        dpkg -x "$package" "$2" || return
    done
}

# Whether it starts and has the card.
qemu_igb_answers() {
    qemu_starts "$qemu_igb" igb
}

# Whether it starts and has the card that every test uses.
qemu_answers() {
    qemu_starts "$qemu" virtio-net-pci
}

# qemu_starts FOLDER DEVICE: makes FOLDER/bin/qemu-system-x86_64, which starts what was unpacked there with its own libraries and
# firmware, and tries it.
qemu_starts() {
    local program=$1/bin/qemu-system-x86_64
    mkdir -p "$1/bin" && cat >"$program" <<'END' && chmod +x "$program" && "$program" -device "$2,help" >/dev/null && return
#!/bin/sh
root=$(dirname -- "$0")/..
LD_LIBRARY_PATH=$root/usr/lib/x86_64-linux-gnu:$root/lib/x86_64-linux-gnu exec "$root/usr/bin/${0##*/}" \
    -L "$root/usr/share/qemu" -L "$root/usr/share/seabios" -L "$root/usr/lib/ipxe/qemu" "$@"
END
    say "no QEMU with $2: what was unpacked into $1 does not run, see above"
    return 1
}

# Whether it starts.
chrony_answers() {
    LD_LIBRARY_PATH=$chrony/usr/lib/x86_64-linux-gnu "$chrony/usr/sbin/chronyd" --version >/dev/null || {
        say "no chrony: what was unpacked into $chrony does not run, see above"
        return 1
    }
}
