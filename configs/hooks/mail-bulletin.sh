#!/bin/sh
# Mails what patchferry tells: for the hooks on_bulletin, on_publish and on_stale.
#
#   on_bulletin = ["hooks/mail-bulletin.sh", "admins@example.net"]
#
# The arguments are the recipients. The subject is the summary, the body the
# summary and the event as it came, JSON (docs/json.md). SENDMAIL below names
# another program in its place.
set -eu

SENDMAIL=/usr/sbin/sendmail
FROM="patchferry@$(uname -n)"

if [ "$#" -eq 0 ]; then
	echo "mail-bulletin.sh: name at least one recipient" >&2
	exit 2
fi
for to in "$@"; do
	case $to in
	-* | '' | *[!A-Za-z0-9.@_+-]*)
		echo "mail-bulletin.sh: not an address that goes into a header: $to" >&2
		exit 2
		;;
	esac
done

# patchferry has made one line of the summary. Here it becomes a header, so that
# this script trusts nobody: what is not printable ASCII goes, and with it every
# line end.
subject=$(printf '%s' "$PATCHFERRY_SUMMARY" | LC_ALL=C tr -cd '\040-\176')
recipients=$(printf '%s, ' "$@")

{
	printf 'From: %s\n' "$FROM"
	printf 'To: %s\n' "${recipients%, }"
	printf 'Subject: %s\n' "$subject"
	printf 'Auto-Submitted: auto-generated\n'
	printf 'MIME-Version: 1.0\n'
	printf 'Content-Type: text/plain; charset=utf-8\n'
	printf 'Content-Transfer-Encoding: 8bit\n'
	printf '\n'
	printf '%s\n\n' "$PATCHFERRY_SUMMARY"
	# One member a line where it is cheap to do so, and no line beyond the 998
	# bytes that mail allows. Nothing here is read again by a program.
	sed -e 's/,"/,\
  "/g' -e 's/\[{/[\
  {/g' | LC_ALL=C fold -b -w 900
	printf '\n'
} | "$SENDMAIL" -i -- "$@"
