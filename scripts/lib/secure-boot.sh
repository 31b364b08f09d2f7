# shellcheck shell=bash
# The owner's keys for Secure Boot, and the loader's signature. What UEFI wants is RSA-2048, X.509 and Authenticode, so openssl makes the
# keys, efitools what a firmware takes, and osslsigncode signs; sbsign would write the time of day into every signature.
# setup.sh reads this file, and knows `quietly`.

readonly secure_boot_needs=(db.key db.crt)

# make_secure_boot_keys FOLDER NAME: makes FOLDER with the three keys, and for each what a firmware takes.
# PK says whose machine it is and allows changes of KEK; KEK allows changes of db; db says what starts.
make_secure_boot_keys() (
    mkdir -- "$1" && chmod 700 -- "$1" && cd -- "$1" || exit
    local name=$2 key guid
    guid=$(cat /proc/sys/kernel/random/uuid)
    for key in PK KEK db; do
        quietly openssl req -x509 -newkey rsa:2048 -nodes -sha256 -days 10950 -subj "/CN=$name $key/" \
            -keyout "$key.key" -out "$key.crt"
        quietly openssl x509 -in "$key.crt" -outform DER -out "$key.cer"
        quietly cert-to-efi-sig-list -g "$guid" "$key.crt" "$key.esl"
    done
    sign_variable "$guid" PK PK
    sign_variable "$guid" PK KEK
    sign_variable "$guid" KEK db
    rm -- *.esl
)

# sign_variable GUID KEY VARIABLE: VARIABLE.auth, which a firmware takes from who has KEY. Each later change needs a later time.
sign_variable() {
    quietly sign-efi-sig-list -g "$1" -t '2026-01-01 00:00:00' -k "$2.key" -c "$2.crt" "$3" "$3.esl" "$3.auth"
}

# has_secure_boot_keys FOLDER: whether it holds what signing takes.
has_secure_boot_keys() {
    local file
    for file in "${secure_boot_needs[@]}"; do
        [[ -f $1/$file ]] || return
    done
}

# sign_for_secure_boot FOLDER LOADER OUTPUT: signs a loader, which holds its owner's key already, with db.key of FOLDER. The signature says when
# it was made: the day from which the certificate is valid, so that the same loader and keys give the same bytes on any day.
sign_for_secure_boot() {
    local folder=$1 loader=$2 output=$3 since
    since=$(openssl x509 -in "$folder/db.crt" -noout -startdate)
    since=$(date --date "${since#notBefore=}" +%s)
    # It writes over nothing.
    rm -f -- "$output"
    quietly osslsigncode sign -h sha256 -time "$since" -certs "$folder/db.crt" -key "$folder/db.key" \
        -in "$loader" -out "$output"
}
