# shellcheck shell=bash
# A QEMU that emulates Intel's igb cards, which Debian 12's own (7.2) does not: that of bookworm-backports, unpacked in
# .tools/qemu-igb for the tests of this card alone. The system's packages, sources and package lists stay as they are.
# setup.sh reads this file, and knows `root` and `say`.

readonly qemu_igb=$root/.tools/qemu-igb

# set_up_qemu_igb: makes sure that it is there; false, with the reason told, if it cannot be had.
set_up_qemu_igb() {
    if [[ -e $qemu_igb/complete ]]; then
        return
    fi
    local sources state=$qemu_igb.apt
    sources=$(qemu_igb_sources) || return
    say "Fetching QEMU of bookworm-backports into .tools/qemu-igb for the tests of igb cards; the system stays as it is"
    rm -rf "$qemu_igb" "$state" && mkdir -p "$qemu_igb" "$state"/{lists,cache}/partial &&
        printf '%s\n' "$sources" >"$state/sources.list" &&
        qemu_igb_apt "$state" update &&
        qemu_igb_apt "$state" install --yes --download-only --no-install-recommends \
            --target-release bookworm-backports qemu-system-x86 &&
        qemu_igb_unpack "$state/cache" &&
        qemu_igb_answers &&
        rm -rf "$state" &&
        touch "$qemu_igb/complete"
}

# The lines of a sources.list with the mirror that this machine itself uses.
qemu_igb_sources() {
    local mirror suite key=/usr/share/keyrings/debian-archive-keyring.gpg
    if ! command -v apt-get >/dev/null; then
        say "no QEMU with igb: this is not Debian"
        return 1
    fi
    # shellcheck disable=SC2016 # These are apt's variables.
    mirror=$(apt-get indextargets --format '$(REPO_URI)|$(CODENAME)|$(COMPONENT)' 'Created-By: Packages' |
        sed -n 's/|bookworm|main$//p' | head -n 1)
    if [[ -z $mirror ]]; then
        say "no QEMU with igb: no source of this machine is Debian 12 (bookworm)"
        return 1
    fi
    for suite in bookworm bookworm-backports; do
        printf 'deb [signed-by=%s] %s %s main\n' "$key" "$mirror" "$suite"
    done
}

# qemu_igb_apt STATE ARGUMENT...: apt-get that knows these sources only and writes to STATE only. What it says is shown
# if it fails.
qemu_igb_apt() {
    local state=$1 output
    shift
    output=$(apt-get -o Dir::Etc::SourceList="$state/sources.list" -o Dir::Etc::SourceParts=/dev/null \
        -o Dir::State::Lists="$state/lists" -o Dir::Cache="$state/cache" -o Dir::State::extended_states="$state/extended" \
        -o Dir::Log=/dev/null -o Debug::NoLocking=true -o APT::Sandbox::User= -o APT::Update::Error-Mode=any \
        "$@" 2>&1 </dev/null) || {
        say "$output"
        say "no QEMU with igb: apt-get $1 failed, see above"
        return 1
    }
}

# qemu_igb_unpack CACHE: everything that was fetched, libraries that this machine lacks included.
qemu_igb_unpack() {
    local package
    for package in "$1"/archives/*.deb; do
        dpkg -x "$package" "$qemu_igb" || return
    done
}

# Whether it starts and has the card.
qemu_igb_answers() {
    LD_LIBRARY_PATH=$qemu_igb/usr/lib/x86_64-linux-gnu "$qemu_igb/usr/bin/qemu-system-x86_64" \
        -L "$qemu_igb/usr/share/qemu" -device igb,help >/dev/null || {
        say "no QEMU with igb: what was unpacked into $qemu_igb does not run, see above"
        return 1
    }
}
