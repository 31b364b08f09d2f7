# shellcheck shell=bash
# The tools whose bytes decide the image's bytes: which they must be (image/toolchain.lock), and which they are.
# A line of the lock is "ROLE PACKAGE=VERSION SHA256"; `toolchain_state` writes the same of the tools that are there. scripts/build reads this file.

readonly toolchain_lock=$root/image/toolchain.lock

# The tools of find_image_toolchain, one a line; the library's sources are one tool.
toolchain_state() {
    local role path
    tool_files | while read -r role path; do
        printf '%s %s %s\n' "$role" "$(package_of "$path")" "$(digest "$path")"
    done
    path=$image_sysroot/lib/rustlib/src/rust/library
    printf 'library %s %s\n' "$(package_of "$path/Cargo.toml")" "$(digest_of_tree "$path")"
}

# "ROLE PATH" of each tool that is one file. Compiler and linker make code with LLVM, which Debian packs on its own.
tool_files() {
    local driver linker=$image_sysroot/lib/rustlib/x86_64-unknown-linux-gnu/bin/rust-lld
    driver=$(find "$image_sysroot/lib" -maxdepth 2 -name 'librustc_driver-*.so' -print -quit)
    [[ $image_rustc != /usr/bin/rustc ]] || linker=$(command -v ld.lld)
    printf '%s %s\n' cargo "$image_cargo" rustc "$image_rustc" rustc-driver "$driver" linker "$linker"
    printf 'rustc-llvm %s\n' "$(llvm_of "$driver")"
    # A rustup toolchain's linker may hold LLVM itself.
    [[ -z $(llvm_of "$linker") ]] || printf 'linker-llvm %s\n' "$(llvm_of "$linker")"
}

llvm_of() {
    ldd "$1" | sed -n 's/.*libLLVM.* => \(.*\) (0x.*/\1/p'
}

# "NAME=VERSION" of the Debian package that the file $1 is of, or "-".
package_of() {
    local package
    package=$(dpkg-query --search "$(realpath -- "$1")" 2>/dev/null | head -n 1) &&
        dpkg-query --show --showformat '${Package}=${Version}' "${package%%: *}" 2>/dev/null ||
        printf '%s' -
}

digest_of_tree() {
    (cd "$1" && find . -type f -print0 | LC_ALL=C sort --zero-terminated | xargs --null sha256sum | sha256sum | cut -d ' ' -f 1)
}

# toolchain_is_pinned STATE: whether the tools in that file are the pinned ones; says which are not.
toolchain_is_pinned() {
    cmp --quiet "$toolchain_lock" "$1" && return
    say "These tools are not those of image/toolchain.lock (< pinned, > here):"
    diff "$toolchain_lock" "$1" | grep '^[<>]' >&2 || true
    return 1
}

# What apt-get is asked for, so that these tools come.
pinned_packages() {
    cut -d ' ' -f 2 "$toolchain_lock" | grep '=' | sort -u
}
