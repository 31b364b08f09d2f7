# shellcheck shell=bash
# What is said about a build, in dist/: bill of materials, provenance, digests, and the owner's signature of these.
# scripts/build reads this file, knows pinned.sh, and sets site, owner and owner_public.

write_evidence() {
    write_bill && write_provenance && write_digests && sign_digests
}

write_bill() {
    local folder=$root/target/metadata
    image_metadata kernel-app x86_64-unknown-none >"$folder/kernel.json" &&
        image_metadata image/loader x86_64-unknown-uefi >"$folder/loader.json" &&
        "$root/dist/diode-image" sbom --kernel "$kernel_file" --kernel-metadata "$folder/kernel.json" \
            --loader "$loader_file" --loader-metadata "$folder/loader.json" \
            --rustc "$("$image_rustc" --version | cut -d ' ' -f 2)" --output "$root/dist/sbom.cdx.json"
}

# What dist/ holds of this build besides the evidence, in the order in which it is listed.
products() {
    local name
    for name in diode.img diode-image diode-receiver diode-verify manifest.json sbom.cdx.json; do
        [[ ! -e $root/dist/$name ]] || printf '%s\n' "$name"
    done
}

write_provenance() {
    local names arguments=() lock
    readarray -t names < <(products)
    for lock in Cargo.lock kernel-app/Cargo.lock kernel-app/prepare/Cargo.lock kernel-app/prepare/source/Cargo.lock \
        image/loader/Cargo.lock; do
        arguments+=(--lock "$lock")
    done
    [[ -z ${NORETURN_OFFICIAL:-} ]] || arguments+=(--official)
    sources_are_changed && arguments+=(--changed)
    # From the root, so that the lists of crates have names that are the same everywhere.
    (cd "$root" && dist/diode-image provenance "${names[@]/#/dist/}" --image dist/diode.img --site "$site" \
        --commit "$(source_commit)" --toolchain target/metadata/toolchain \
        --byproduct "$kernel_file" --byproduct "$loader_file" "${arguments[@]}" --output dist/provenance.json)
}

# The commit of the sources. A copy that is no repository is told by whoever made it.
source_commit() {
    printf '%s\n' "${NORETURN_COMMIT:-$(git -C "$root" rev-parse HEAD 2>/dev/null || printf unknown)}"
}

# The site and the owner's public key are no sources: they are told on their own. They may lie among them.
sources_are_changed() {
    local file others=()
    for file in "$site" "${owner_public:-${owner%.key}.pub}"; do
        [[ $file != "$root"/* ]] || others+=(":(exclude,top,literal)${file#"$root"/}")
    done
    [[ -z ${NORETURN_COMMIT:-} && -n $(git -C "$root" status --porcelain --untracked-files=all -- :/ "${others[@]}" 2>/dev/null) ]]
}

write_digests() {
    local names
    readarray -t names < <(products)
    (cd "$root/dist" && sha256sum "${names[@]}" provenance.json >SHA256SUMS)
}

sign_digests() {
    rm -f "$root/dist/SHA256SUMS.sig"
    if [[ -n $owner_public ]]; then
        say "No signature of SHA256SUMS was made: that takes the owner's secret key."
        return
    fi
    "$root/dist/diode-image" sign "$root/dist/SHA256SUMS" --owner "$owner" --output "$root/dist/SHA256SUMS.sig"
}
