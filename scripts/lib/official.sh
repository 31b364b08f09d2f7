# shellcheck shell=bash
# The official build: the last commit, in a minimal Debian 12 that debootstrap makes in target/official, with exactly the tools of
# image/toolchain.lock, at the same places everywhere, and without a network once the crates are fetched.
# scripts/build reads this file, knows pinned.sh, and sets site, owner, owner_public, signature_of and only.
#
# Everything that is mounted is mounted in a namespace of its own, so it is gone when the last program in it ends.

readonly official_folder=$root/target/official
readonly debian=$official_folder/root
readonly debian_key=/usr/share/keyrings/debian-archive-keyring.gpg
# What a build needs beside the pinned tools, and what leaves nothing in the image. lld only names the linker that is pinned.
readonly official_tools=(ca-certificates gcc libc6-dev lld)

build_officially() {
    ((EUID == 0)) || fail "$exit_unavailable" "--official needs root, for debootstrap, chroot and mounts"
    set_up official
    mkdir -p "$official_folder"
    step "Debian root" make_root
    step "Sources" copy_sources
    step "Crates" in_root network bash -c \
        'set -euo pipefail; source scripts/lib/toolchain.sh; use_host_toolchain >/dev/null; find_image_toolchain; fetch_crates'
    step "Official build" in_root offline env NORETURN_OFFICIAL=1 NORETURN_COMMIT="$commit" CARGO_NET_OFFLINE=true \
        scripts/build --site "/site/${site##*/}" "${official_arguments[@]}"
    step "Result" take_result
    cd "$root" && sha256sum dist/diode.img
}

# The root is kept for the next build, unless something that decides about it has changed.
make_root() {
    local stamp sources
    sources=$(debian_sources) || return
    stamp=$(cat "$toolchain_lock" - <<<"$sources ${official_tools[*]}" | sha256sum)
    [[ $(cat "$official_folder/stamp" 2>/dev/null) != "$stamp" ]] || return 0
    rm -rf "$debian" "$official_folder/stamp"
    local mirror packages
    readarray -t packages < <(pinned_packages)
    mirror=$(sed -n 's/^deb .* \(.*\) bookworm main$/\1/p' <<<"$sources" | head -n 1)
    quietly debootstrap --variant=minbase --keyring="$debian_key" bookworm "$debian" "$mirror"
    printf '%s\n' "$sources" >"$debian/etc/apt/sources.list"
    mkdir -p "$debian"/{noreturn,cargo,site,owner}
    quietly in_root network env DEBIAN_FRONTEND=noninteractive apt-get update
    quietly in_root network env DEBIAN_FRONTEND=noninteractive \
        apt-get install --yes --no-install-recommends --allow-downgrades "${official_tools[@]}" "${packages[@]}"
    printf '%s\n' "$stamp" >"$official_folder/stamp"
}

# The lines of a sources.list: the mirrors of Debian 12 that this machine uses, or those that it is told.
debian_sources() {
    local mirror=${NORETURN_DEBIAN_MIRROR:-} security=${NORETURN_DEBIAN_SECURITY_MIRROR:-}
    # shellcheck disable=SC2016 # These are apt's variables.
    {
        if [[ -n $mirror ]]; then
            printf '%s bookworm main\n%s bookworm-security main\n' "$mirror" "${security:-$mirror-security}"
        elif command -v apt-get >/dev/null; then
            apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' |
                grep -E ' bookworm(-security|-updates)? main$' | sed 's|/ | |' | sort -u
        fi
    } | sed "s|^|deb [signed-by=$debian_key] |" | grep . ||
        fail "$exit_unavailable" "this machine knows no mirror of Debian 12: set NORETURN_DEBIAN_MIRROR and" \
            "NORETURN_DEBIAN_SECURITY_MIRROR, to a snapshot of the day of the lock if Debian has newer tools by now"
}

# The last commit, and nothing else.
copy_sources() {
    commit=$(git -C "$root" rev-parse HEAD)
    [[ -z $(git -C "$root" status --porcelain) ]] ||
        say "There are changes that are not committed; the official build is of the commit $commit."
    rm -rf "$debian/noreturn" && mkdir "$debian/noreturn"
    git -C "$root" archive "$commit" | tar --extract --directory "$debian/noreturn"
    ensure_official_owner
}

# What scripts/build is told in the root, and what must be seen there: site and owner are mounted, not copied.
ensure_official_owner() {
    official_arguments=()
    [[ -z $only ]] || official_arguments+=(--only "$only")
    if [[ -n $owner_public ]]; then
        official_files=("$owner_public" "$signature_of")
        official_arguments+=(--owner-public "/owner/${owner_public##*/}" --signature-of "/owner/${signature_of##*/}")
    else
        [[ -e $owner ]] || fail "$exit_usage" "no owner's key $owner: the example's is made by scripts/build"
        official_files=("$owner")
        official_arguments+=(--owner "/owner/${owner##*/}")
    fi
}

# in_root network|offline COMMAND...: in the root, as if nothing else were there.
in_root() {
    local network=(--net) inside
    [[ $1 == offline ]] || network=()
    shift
    # In the namespace, before the root is entered. $0 is the root.
    # shellcheck disable=SC2016
    inside='set -e; site=$1 files=$2; shift 2
        mount -t tmpfs -o mode=0700 tmpfs "$0/owner"
        while read -r file; do [[ -z $file ]] || cp -- "$file" "$0/owner/"; done <<<"$files"
        mount --bind "$site" "$0/site" && mount -o remount,bind,ro "$0/site"
        for file in /etc/resolv.conf /etc/hosts; do touch "$0$file" && mount --bind "$file" "$0$file"; done
        authorities=/etc/ssl/certs/ca-certificates.crt
        [[ ! -e $0$authorities ]] || mount --bind "$authorities" "$0$authorities"
        exec chroot "$0" /usr/bin/env --ignore-environment --chdir=/noreturn HOME=/root CARGO_HOME=/cargo LC_ALL=C \
            PATH=/usr/sbin:/usr/bin:/sbin:/bin "$@"'
    unshare --mount --pid --fork --kill-child --ipc --uts "${network[@]}" --mount-proc="$debian/proc" \
        bash -c "$inside" "$debian" "$(dirname -- "$site")" "$(printf '%s\n' "${official_files[@]:-}")" "$@"
}

# Brings out what was made, after a word about whether the usual build had made the same.
take_result() {
    local name
    mkdir -p "$root/dist"
    for name in diode.img manifest.json sbom.cdx.json; do
        [[ -e $root/dist/$name && -e $debian/noreturn/dist/$name ]] || continue
        if cmp --quiet "$root/dist/$name" "$debian/noreturn/dist/$name"; then
            say "    dist/$name: the same as before"
        else
            say "    dist/$name: another one than before"
        fi
    done
    cp --archive --remove-destination "$debian/noreturn/dist/." "$root/dist/"
}
