package bundle

import (
	"fmt"
	"strings"
)

// readme returns README.txt of a volume that has these tools. A bundle that is
// written again must have the same bytes, so this text belongs to format 1 and
// never changes: the golden bundles hold it.
func readme(h *Header, index, volumes int, tools []Tool) []byte {
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

`)
	b.WriteString(toolsText(tools))
	b.WriteString(`To import it, give the folder that holds the volumes, or each volume:

    patchferry import DIR

Volumes may come in any order and on different days.
`)
	return []byte(b.String())
}

// toolsText names what is in the folder tools, and what it is worth.
func toolsText(tools []Tool) string {
	if len(tools) == 0 {
		return ""
	}
	var b strings.Builder
	b.WriteString("The folder tools has programs and documents for machines that have none yet:\n\n")
	for _, t := range tools {
		fmt.Fprintf(&b, "    tools/%s\n", t.Name)
	}
	b.WriteString(`
They are a convenience and prove nothing: whoever can change this medium can put
another program there, which then says that all is right. Check this folder by
hand first, as above, or bring the program on another way. An import neither runs
nor keeps them. To use one, copy it from here and make it executable (chmod +x).

`)
	return b.String()
}

func audienceText(names []string) string {
	if len(names) == 0 {
		return "anyone who follows the stream"
	}
	return strings.Join(names, ", ")
}
