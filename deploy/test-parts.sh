#!/bin/sh
# Installs the real parts that the tests run against, where that is possible: as root,
# on Debian. What is missing afterwards is skipped by the tests with its reason; under
# CI a missing part fails them instead.
set -eu

missing=""
[ -x /usr/sbin/mosquitto ] || command -v mosquitto >/dev/null || missing="$missing mosquitto"
command -v mosquitto_sub >/dev/null || missing="$missing mosquitto-clients"
command -v ledger >/dev/null || missing="$missing ledger"
PATH="$PATH:/usr/sbin:/sbin" command -v ip >/dev/null || missing="$missing iproute2"
command -v chromium >/dev/null || missing="$missing chromium"
# Debian keeps a server's own programs out of the PATH.
command -v initdb >/dev/null || ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 ||
  missing="$missing postgresql"
# A virtual PC/SC reader; pyscard has no wheel for Linux and is built here.
[ -x /usr/sbin/pcscd ] || missing="$missing pcscd"
[ -e /usr/lib/pcsc/drivers/serial/libifdvpcd.so ] || missing="$missing vsmartcard-vpcd"
if [ -x .venv/bin/python ] && ! .venv/bin/python -c "import smartcard" 2>/dev/null; then
  pyscard=missing
  for package in swig gcc; do command -v "$package" >/dev/null || missing="$missing $package"; done
  [ -e /usr/include/PCSC/winscard.h ] || missing="$missing libpcsclite-dev"
else
  pyscard=there
fi

build_pyscard() {
  if [ "$pyscard" = missing ] && [ -e requirements/pcsc.txt ]; then
    echo "Building pyscard for the tests"
    .venv/bin/pip --disable-pip-version-check -q install --require-hashes \
      -r requirements/pcsc.txt || echo "Not built, so tests of PC/SC readers will be skipped"
  fi
}

if [ -z "$missing" ]; then
  build_pyscard
  exit 0
fi

if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
  echo "Not installed, so some tests will be skipped:$missing"
  echo "To run them: sudo apt-get install$missing"
  exit 0
fi

echo "Installing for the tests:$missing"
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
# A daemon that a package starts by itself would hold its port; the tests start their own.
if [ ! -e /usr/sbin/policy-rc.d ]; then
  printf '#!/bin/sh\nexit 101\n' > /usr/sbin/policy-rc.d
  chmod +x /usr/sbin/policy-rc.d
  trap 'rm -f /usr/sbin/policy-rc.d' EXIT
fi
case "$missing" in *postgresql*)
  # The package would also make a database that the machine serves from its next start on.
  if [ ! -e /etc/postgresql-common/createcluster.conf ]; then
    apt-get install -y -qq --no-install-recommends postgresql-common >/dev/null
    sed -i 's/^#\?create_main_cluster.*/create_main_cluster = false/' \
      /etc/postgresql-common/createcluster.conf
  fi
esac
# shellcheck disable=SC2086  # a list of words
apt-get install -y -qq --no-install-recommends $missing >/dev/null
build_pyscard
