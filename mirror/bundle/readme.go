package bundle

import (
	"fmt"
	"strings"
)

// readme returns README.txt of a volume. A bundle that is written again must
// have the same bytes, so this text belongs to format 1 and never changes: the
// golden bundles hold it.
func readme(h *Header, index, volumes int) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "Transfer bundle %s, volume %d of %d\n", h.Name(), index, volumes)
	fmt.Fprintf(&b, "written %s for %s\n\n", h.Created, audienceText(h.Audience))
	b.WriteString(`This folder is one volume of a patchferry transfer bundle: updates for machines
without a network, signed by the site that collected them. Do not change, add
or rename anything in it: a changed bundle is refused.

To check it by hand, with gpg and coreutils, in this folder:

    gpg --verify HEADER.json.asc HEADER.json
    grep -q "$(sha256sum < VOLUME.jsonl | cut -c 1-64)" HEADER.json && echo VOLUME.jsonl is the signed one
    grep -q "$(sha256sum < SHA256SUMS | cut -c 1-64)" VOLUME.jsonl && echo SHA256SUMS is the signed one
    sha256sum --check --quiet SHA256SUMS

Compare the fingerprint that gpg names with the one that you were told by
another way than this medium. Keys in this folder prove nothing by themselves.

To import it, give the folder that holds the volumes, or each volume:

    patchferry import DIR

Volumes may come in any order and on different days.
`)
	return []byte(b.String())
}

func audienceText(names []string) string {
	if len(names) == 0 {
		return "anyone who follows the stream"
	}
	return strings.Join(names, ", ")
}
