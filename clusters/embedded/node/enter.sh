#!/bin/sh
# Becomes process 1 of a machine. Run in fresh mount and PID namespaces: everything mounted here goes with the machine,
# however it dies.
#   enter.sh ROOT FOLDER CGROUP [SOURCE=TARGET ...]
# ROOT is the read-only root filesystem, FOLDER holds what the machine writes (upper, work, merged), CGROUP counts it.
set -eu
root=$1
folder=$2
cgroup=$3
shift 3
merged=$folder/merged
for members in /sys/fs/cgroup"$cgroup"/node/cgroup.procs /sys/fs/cgroup/*"$cgroup"/node/cgroup.procs; do
    if [ -f "$members" ]; then echo 0 >"$members"; fi # 0 is the writer itself
done
mount -t overlay machine -o "lowerdir=$root,upperdir=$folder/upper,workdir=$folder/work" "$merged"
mount -t proc proc "$merged/proc"
mount -t sysfs sysfs "$merged/sys" # of this network namespace, so that only its devices are seen
mount --rbind /sys/fs/cgroup "$merged/sys/fs/cgroup"
mount --rbind /dev "$merged/dev"
mount -t tmpfs -o mode=755 run "$merged/run"
mount -t tmpfs -o mode=1777 tmp "$merged/tmp"
for bind in "$@"; do
    source=${bind%%=*}
    target=$merged${bind#*=}
    if [ -d "$source" ]; then mkdir -p "$target"; else mkdir -p "${target%/*}" && touch "$target"; fi
    mount --rbind "$source" "$target"
done
mkdir -p "$merged/.outside"
cd "$merged"
pivot_root . .outside
cd /
umount -l /.outside
mkdir -p /opt/cni/bin
ln -sf /usr/lib/cni/* /opt/cni/bin/ # where add-ons expect plugins and put their own
if [ -f /etc/machine/sidecar-ports.nft ]; then nft -f /etc/machine/sidecar-ports.nft; fi
mount --make-rshared / # a node's mounts propagate to its pods, as on any node with systemd
exec python3 -m supervisor.supervisord --nodaemon --configuration /etc/machine/supervisord.conf
