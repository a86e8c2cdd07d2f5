#!/bin/sh
# Unpacks images into a folder that regions' machines take for their containerd's. Run inside the machine `internet`.
#   unpack-images.sh FOLDER IMAGES
# A line of the file IMAGES is: the OCI layout's folder, the image's name with its tag, its digest.
set -eu
cd / # where we come from is not to be seen in here
folder=$1
images=$2
state=$(mktemp -d)
printf 'version = 2\ndisabled_plugins = ["io.containerd.grpc.v1.cri"]\n' >"$state/config.toml"
containerd --config "$state/config.toml" --root "$folder" --state "$state/run" --address "$state/containerd.sock" --log-level error &
containerd=$!
trap 'kill $containerd; wait $containerd; rm -rf "$state"' EXIT
ask() { ctr --address "$state/containerd.sock" --namespace k8s.io "$@"; }
until ask version >/dev/null 2>&1; do kill -0 $containerd && sleep 0.1; done
while read -r layout name digest; do
    echo "unpacking $name"
    tar --create --dereference --directory "$layout" . | ask images import - >/dev/null
    # What kubelet asks for: a name with tag and digest is looked up without its tag.
    ask images tag --force "$name" "${name%:*}@$digest" >/dev/null
done <"$images"
