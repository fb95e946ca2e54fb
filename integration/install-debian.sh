#!/bin/sh
# Installs the mail clients that the tests with the build tag debian use: swaks,
# curl, Python, Postfix's smtp-source, mbsync, fetchmail and mutt, logrotate, systemd-analyze, and
# Chromium, which looks at the page.
# Does nothing where they are all there.
# Needs Debian or one of its descendants, and root or sudo.
set -eu
PATH=$PATH:/usr/sbin:/sbin

missing=
need() { # need PACKAGE, unless the command after it works
	package=$1
	shift
	"$@" >/dev/null 2>&1 || missing="$missing $package"
}
need swaks command -v swaks
need libnet-ssleay-perl perl -MNet::SSLeay -e 1 # swaks' TLS
need curl command -v curl
need python3 command -v python3
need postfix command -v smtp-source
need isync command -v mbsync
need fetchmail command -v fetchmail
need mutt command -v mutt
need logrotate command -v logrotate
need chromium command -v chromium
need systemd command -v systemd-analyze
if [ -z "$missing" ]; then
	exit 0
fi

if ! command -v apt-get >/dev/null; then
	echo "install-debian.sh: no apt-get here: install$missing by other means" >&2
	exit 1
fi
as_root=
if [ "$(id -u)" != 0 ]; then
	if ! command -v sudo >/dev/null; then
		echo "install-debian.sh: neither root nor sudo: install$missing as root" >&2
		exit 1
	fi
	as_root=sudo
fi

# Postfix is wanted for smtp-source alone: it gets no configuration, and no
# daemon is started while this script runs.
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
	trap '$as_root rm -f $policy' EXIT
	printf '#!/bin/sh\nexit 101\n' | $as_root tee $policy >/dev/null
	$as_root chmod 755 $policy
fi
if command -v debconf-set-selections >/dev/null; then
	echo 'postfix postfix/main_mailer_type select No configuration' | $as_root debconf-set-selections
fi
$as_root apt-get -qq update
# --no-remove: rather than take away another mail server, fail and say so.
# shellcheck disable=SC2086 # a list of packages
$as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends --no-remove install $missing
