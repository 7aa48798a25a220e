# shellcheck shell=sh
# Sign a certificate like another one, but valid in 2020 only: the same subject, key and extensions,
# by the same authority. Nothing but the folder of the result is written.
# Arguments: certificate, its key, folder of the authority, new folder for the result (new).

umask 077
rm -rf "$4"
mkdir "$4" || exit 1
: > "$4/db"
cat > "$4/config" << END || exit 1
[ca]
default_ca=d
[d]
database=$4/db
new_certs_dir=$4
rand_serial=yes
default_md=sha256
policy=p
unique_subject=no
preserve=yes
copy_extensions=copyall
[p]
organizationName=optional
commonName=supplied
END
openssl x509 -x509toreq -in "$1" -signkey "$2" -copy_extensions copyall -out "$4/request" || exit 1
openssl ca -batch -config "$4/config" -in "$4/request" -cert "$3/ca.crt" -keyfile "$3/ca.key" \
  -startdate 20200101000000Z -enddate 20200102000000Z -notext -out "$4/new" || exit 1
