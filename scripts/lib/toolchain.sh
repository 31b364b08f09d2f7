# shellcheck shell=bash
# Which Rust builds what, and the one place for the flags that the image is built with.
#
# Bare metal takes a compiler together with the sources of its own standard library. Debian's matched set in
# /usr/bin is preferred, since everybody can have the same one; else any rustup toolchain with rust-src does.
# Another compiler means other bytes, hence another hash: pinned.sh tells which it was, and which it should be.

# shellcheck source=scripts/lib/common.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/common.sh"

# `rust-version` of the workspace.
readonly rust_minor_min=95
readonly kernel_file=$root/kernel-app/target/x86_64-unknown-none/release/noreturn-kernel
readonly loader_file=$root/image/loader/target/x86_64-unknown-uefi/release/loader.efi

# Whether the compiler $1 runs and is new enough.
rustc_is_usable() {
    [[ $("$1" --version 2>/dev/null) =~ ^rustc\ 1\.([0-9]+)\. ]] && ((BASH_REMATCH[1] >= rust_minor_min))
}

# Host programs are built with the Rust in PATH; if that is too old, with Debian's.
use_host_toolchain() {
    if rustc_is_usable rustc && command -v cargo; then
        return
    fi
    rustc_is_usable /usr/bin/rustc && [[ -x /usr/bin/cargo ]] && PATH=/usr/bin:$PATH
}

# Prints the sysroot of the compiler $1, if it is usable and has the library's sources.
sysroot_with_sources() {
    local sysroot
    rustc_is_usable "$1" && sysroot=$("$1" --print sysroot) || return 1
    [[ -e $sysroot/lib/rustlib/src/rust/library/Cargo.toml ]] && printf '%s\n' "$sysroot"
}

# Sets image_toolchain (a name for people), image_rustc, image_cargo and image_sysroot.
find_image_toolchain() {
    image_rustc=/usr/bin/rustc image_cargo=/usr/bin/cargo image_toolchain="Debian's in /usr/bin"
    if [[ -x $image_cargo ]] && image_sysroot=$(sysroot_with_sources "$image_rustc"); then
        return
    fi
    local name
    while read -r name _; do
        image_toolchain="rustup's $name"
        image_rustc=$(rustup which --toolchain "$name" rustc 2>/dev/null) || continue
        image_cargo=$(rustup which --toolchain "$name" cargo 2>/dev/null) || continue
        image_sysroot=$(sysroot_with_sources "$image_rustc") && return
    done < <(rustup toolchain list 2>/dev/null)
    return 1
}

image_toolchain_exists() {
    find_image_toolchain
}

# rustup's toolchains bring the linker that rustc looks for; Debian's takes the one in lld.
image_linker_exists() {
    find_image_toolchain || return 1
    [[ $image_rustc != /usr/bin/rustc ]] || { command -v ld.lld && command -v lld-link; }
}

image_clippy_exists() {
    find_image_toolchain && [[ -x ${image_cargo%/*}/cargo-clippy ]]
}

# image_cargo FOLDER TARGET COMMAND ARGUMENT...: cargo's COMMAND on the workspace in FOLDER for the bare-metal TARGET.
image_cargo() (
    local folder=$root/$1 target=$2 command=$3
    shift 3
    local flags=(
        # No folder of this machine may show in the image. The last match wins, so the root comes last.
        "--remap-path-prefix=$image_sysroot/lib/rustlib/src/rust=/rust"
        "--remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=/cargo"
        "--remap-path-prefix=$root=/noreturn"
        # Both targets are soft-float: rustc fails on the vector code that these crates would choose.
        --cfg 'aes_backend="soft"'
        --cfg 'chacha20_backend="soft"'
        --cfg 'poly1305_backend="soft"'
        --cfg 'polyval_backend="soft"'
        --cfg 'sha2_backend="soft"'
    )
    if [[ $target == x86_64-unknown-uefi ]]; then
        # No time stamp, and no path of a debug file.
        flags+=(-Clink-arg=/Brepro -Clink-arg=/DEBUG:NONE)
    fi
    # Whatever else the caller's environment asks of cargo would change the bytes. In this form the flags may
    # hold spaces, and override every other source of flags.
    unset "${!CARGO_PROFILE_@}" CARGO_INCREMENTAL RUSTC_WORKSPACE_WRAPPER
    CARGO_ENCODED_RUSTFLAGS=$(printf '%s\x1f' "${flags[@]}")
    export CARGO_ENCODED_RUSTFLAGS=${CARGO_ENCODED_RUSTFLAGS%$'\x1f'}
    # -Z flags are for nightly compilers, and for others that are told so.
    export RUSTC_BOOTSTRAP=1 RUSTC=$image_rustc RUSTC_WRAPPER=$root/scripts/lib/rustc-wrapper NORETURN_ROOT=$root
    if [[ $image_rustc == /usr/bin/rustc ]]; then
        export CARGO_TARGET_X86_64_UNKNOWN_NONE_LINKER=ld.lld CARGO_TARGET_X86_64_UNKNOWN_UEFI_LINKER=lld-link
    fi
    # cargo finds its subcommands in PATH.
    export PATH=${image_cargo%/*}:$PATH
    cd "$folder" || exit
    "$image_cargo" "$command" --quiet --locked --release --target "$target" --target-dir "$folder/target" \
        -Zbuild-std=core,alloc,compiler_builtins -Zbuild-std-features=compiler-builtins-mem "$@"
)

# image_metadata FOLDER TARGET: cargo's account of what the workspace in FOLDER is made of for TARGET.
image_metadata() (
    cd "$root/$1" || exit
    RUSTC=$image_rustc "$image_cargo" metadata --quiet --locked --format-version 1 --filter-platform "$2"
)

# fetch_image FOLDER TARGET: fetches the crates of the workspace in FOLDER, and those of the compiler's library.
fetch_image() (
    cd "$root/$1" || exit
    RUSTC_BOOTSTRAP=1 RUSTC=$image_rustc "$image_cargo" fetch --quiet --locked --target "$2" \
        -Zbuild-std=core,alloc,compiler_builtins
)

# Makes the edited copies of crates in target, without which cargo cannot load the workspaces that name them.
prepare_crates() {
    cargo run --quiet --locked --manifest-path "$root/kernel-app/prepare/Cargo.toml"
}

# Fetches every crate that a build takes, so that it can do without a network.
fetch_crates() {
    cd "$root" &&
        prepare_crates &&
        cargo fetch --quiet --locked &&
        fetch_image kernel-app x86_64-unknown-none &&
        fetch_image image/loader x86_64-unknown-uefi
}

build_kernel() {
    image_cargo kernel-app x86_64-unknown-none build
}

# The kernel that misbehaves as its site's name says, for the tests.
build_planted_kernel() {
    image_cargo kernel-app x86_64-unknown-none build --features planted --bin noreturn-kernel-planted
}

# With what is planted, which only adds to the kernel.
check_kernel() {
    image_cargo kernel-app x86_64-unknown-none clippy --features planted -- --deny warnings
}

build_loader() {
    image_cargo image/loader x86_64-unknown-uefi build
}

# Forward error correction as the kernel has it, in a program for this machine. Linux loads it where it was linked to.
build_soft_float() {
    image_cargo tests/soft-float x86_64-unknown-none rustc -- -Crelocation-model=static
}

digest() {
    sha256sum -- "$1" | cut -d ' ' -f 1
}
