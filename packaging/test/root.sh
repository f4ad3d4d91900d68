# root.sh -- sourced: a root of its own made of this machine's by an overlay, at $root, with the packages of the folders given.
# Takes the folder to work in, and then the folders of packages; they are in /tmp of the root, numbered. Needs a mount namespace.
work=$1
mkdir -p "$work/over" && mount -t tmpfs tmpfs "$work/over"
root=$work/over/root
mkdir "$work/over/upper" "$work/over/work" "$root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$work/over/upper,workdir=$work/over/work" "$root"
mount -t proc proc "$root/proc"
mount -t tmpfs tmpfs "$root/run"
mount -t tmpfs tmpfs "$root/tmp"
mount --bind /dev "$root/dev"
number=0
for folder in "${@:2}"; do
  number=$((number + 1))
  mkdir "$root/tmp/$number"
  find "$folder" -maxdepth 1 \( -name '*.deb' -o -name '*.rpm' \) -exec cp -t "$root/tmp/$number" {} +
done
export DEBIAN_FRONTEND=noninteractive PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C
within() { chroot "$root" "$@"; }
fail() { echo "$(basename "$0"): $*" >&2; exit 1; }
is() { [ "$1" = "$2" ] || fail "$3: \"$1\" is not \"$2\""; }
