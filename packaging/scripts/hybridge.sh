prepare() {
  getent group hybridge >/dev/null || groupadd --system hybridge
  getent passwd hybridge >/dev/null ||
    useradd --system --gid hybridge --home-dir /var/lib/hybridge --no-create-home --shell /usr/sbin/nologin --comment 'Hybridge control plane' hybridge
  install -d -m 0750 -o root -g hybridge /etc/hybridge
  install -d -m 0700 -o hybridge -g hybridge /var/lib/hybridge
}
