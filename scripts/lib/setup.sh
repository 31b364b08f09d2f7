# shellcheck shell=bash
# What each command needs from the machine. On Debian, with the right to do so, what is missing is installed;
# otherwise it is named. When nothing is missing, nothing is asked of any package manager.
# The groups below are read by name.
# shellcheck disable=SC2034

# shellcheck source=scripts/lib/toolchain.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/toolchain.sh"
# shellcheck source=scripts/lib/unpacked.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/unpacked.sh"
# shellcheck source=scripts/lib/secure-boot.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/secure-boot.sh"

# A need is "PROBE|DEBIAN PACKAGES|WHY"; a probe is command:NAME, file:PATH or function:NAME.
readonly needs_host=(
    'command:cc|gcc libc6-dev|to link programs for this machine'
    'function:use_host_toolchain|rustc-web cargo-web|to build Rust; a rustup toolchain that is new enough does as well'
)
readonly needs_image=(
    'function:image_toolchain_exists|rustc-web cargo-web rust-web-src|to build for bare metal, which takes the sources of the standard library'
    'function:image_linker_exists|lld|to link the kernel and the loader'
)
readonly needs_official=(
    'command:debootstrap|debootstrap debian-archive-keyring|to make a minimal Debian 12'
    'command:git|git|to take the last commit'
)
readonly needs_run=(
    'function:qemu_exists|qemu-system-x86|to boot the image'
    'file:/usr/share/OVMF/OVMF_CODE_4M.fd|ovmf|UEFI firmware for the virtual machine'
)
readonly needs_broker=(
    'command:mosquitto|mosquitto|an MQTT broker for the receiver to publish to'
    'command:mosquitto_sub|mosquitto-clients|to read what the receiver published'
)
readonly needs_secure_boot=(
    'command:openssl|openssl|to read the certificate for Secure Boot'
    'command:osslsigncode|osslsigncode|to sign the loader for Secure Boot'
)
readonly needs_secure_boot_keys=(
    'command:openssl|openssl|to make keys for Secure Boot'
    'command:sign-efi-sig-list|efitools|to write keys as firmware takes them'
)
readonly needs_test=(
    'command:sgdisk|gdisk|to judge the partition table'
    'command:fsck.fat|dosfstools|to judge the file system'
    'command:mtype|mtools|to read the file system with another reader'
    'command:xorriso|xorriso|to read the image as a CD with another reader'
    'command:swtpm|swtpm|a TPM for the virtual machine'
    'command:swtpm_setup|swtpm-tools|to set that TPM up'
    'command:tpm2_nvdefine|tpm2-tools libtss2-tcti-swtpm0|to seal a key in that TPM as people do'
    'command:git|git|to copy the sources for a build elsewhere'
    'command:faketime|faketime|to build on another day'
    'command:openssl|openssl|to check signatures with another program'
    'function:python_venv_exists|python3 python3-venv|for independent Modbus peers'
    'command:shellcheck|shellcheck|to check the scripts'
)
readonly needs_proof=(
    'function:python_venv_exists|python3 python3-venv|for the reader of machine code and the solver'
    'command:c++filt|binutils|to read names in the kernel'
)
readonly needs_fuzz=(
    'command:c++|g++|to build libFuzzer'
)
readonly needs_bench=(
    'command:autoreconf|autoconf automake libtool make|to build ISA-L, which stands beside our code'
    'command:nasm|nasm|to build ISA-L'
    'function:isal_exists|libisal2|ISA-L as Debian has it'
    'command:valgrind|valgrind|to count instructions'
)
readonly needs_lint=(
    'function:rustfmt_exists|rustfmt-web|to check how the code is laid out'
    'function:clippy_exists|rust-web-clippy|to check the code'
    'function:image_clippy_exists|rust-web-clippy|to check the code of the kernel'
)

# set_up GROUP...: makes sure that everything in these groups is there, or ends the script.
set_up() {
    local missing
    missing=$(missing_needs "$@")
    if [[ -z $missing ]]; then
        return
    fi
    say "Missing on this machine, by the names of Debian's packages:"
    local packages why
    while IFS='|' read -r _ packages why; do
        say "  $packages: $why"
    done <<<"$missing"
    read -ra packages <<<"$(cut -d '|' -f 2 <<<"$missing" | tr ' ' '\n' | sort -u | tr '\n' ' ')"
    install_packages "${packages[@]}"
    missing=$(missing_needs "$@")
    [[ -z $missing ]] || fail "$exit_unavailable" "still missing after the installation: $missing"
}

# The needs in these groups whose probes fail, one a line.
missing_needs() {
    local group need
    for group; do
        local -n needs=needs_$group
        for need in "${needs[@]}"; do
            probe_holds "${need%%|*}" || printf '%s\n' "$need"
        done
    done
}

probe_holds() {
    case $1 in
        command:*) command -v "${1#*:}" ;;
        file:*) [[ -e ${1#*:} ]] ;;
        function:*) "${1#*:}" ;;
        *) false ;;
    esac >/dev/null 2>&1
}

python_venv_exists() {
    python3 -c 'import ensurepip, venv'
}

isal_exists() {
    ldconfig -p | grep -F libisal.so.2
}

rustfmt_exists() {
    cargo fmt --version
}

clippy_exists() {
    cargo clippy --version
}

# install_packages PACKAGE...: with apt-get, or tells the person whom and what to ask.
install_packages() {
    # --no-remove: a machine with another Rust from Debian must not lose it without being asked.
    local install=(apt-get install --yes --no-install-recommends --no-remove)
    if ! command -v apt-get >/dev/null; then
        fail "$exit_unavailable" "this is not Debian: install the above with this system's own tools, then run it again"
    fi
    local rights=()
    if ((EUID != 0)); then
        sudo --non-interactive true 2>/dev/null ||
            fail "$exit_unavailable" "no right to install; ask an administrator to run: apt-get update && ${install[*]} $*"
        rights=(sudo --non-interactive)
    fi
    quietly "${rights[@]}" apt-get update
    local packages=() package
    for package; do
        if [[ $package == qemu-system-x86 ]] && ! "${install[@]}" --simulate "$package" >/dev/null 2>&1; then
            say "$package cannot be installed without removing what is there, which is up to you"
            set_up_qemu || fail "$exit_unavailable" "no QEMU, see above"
        else
            packages+=("$package")
        fi
    done
    if ((${#packages[@]} > 0)); then
        say "Installing: ${packages[*]}"
        quietly "${rights[@]}" env DEBIAN_FRONTEND=noninteractive "${install[@]}" "${packages[@]}"
    fi
}

# quietly COMMAND...: shows what the command says only if it fails.
quietly() {
    local output
    output=$("$@" 2>&1 </dev/null) || {
        say "$output"
        fail "$exit_unavailable" "this failed, see above: $*"
    }
}

# The Python environment of the tests, in .tools/python.
set_up_python() {
    set_up_python_environment "$root/.tools/python" "$root/scripts/lib/requirements.txt" "for the tests"
}

# That of the proof, in .tools/proof.
set_up_proof() {
    set_up_python_environment "$root/.tools/proof" "$root/verify/proof/requirements.txt" "for the proof"
}

# set_up_python_environment FOLDER REQUIREMENTS WHY: exactly what REQUIREMENTS names.
set_up_python_environment() {
    local environment=$1 requirements=$2
    if cmp --quiet "$requirements" "$environment/requirements.txt"; then
        return
    fi
    say "Installing Python packages $3 in ${environment#"$root/"}"
    rm -rf "$environment"
    quietly python3 -m venv "$environment"
    quietly "$environment/bin/pip" install --quiet --disable-pip-version-check --require-hashes \
        --requirement "$requirements"
    cp "$requirements" "$environment/requirements.txt"
}
