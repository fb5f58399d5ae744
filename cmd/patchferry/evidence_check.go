package main

import (
	"fmt"
	"slices"
	"strings"

	"patchferry/layout/store"
	"patchferry/mirror"
	"patchferry/verify"
)

// check returns CHECK.txt: each step with its line and what it should answer.
func (c *evidenceCase) check(r *evidenceReport) string {
	l := &checklist{}
	fmt.Fprintf(&l.b, "EVIDENCE FOR ONE FILE\n\n")
	for _, row := range [][2]string{
		{"file", r.File}, {"size", fmt.Sprintf("%d bytes", r.Size)}, {"sha256", r.SHA256.String()},
		{"update", c.Update.ID}, {"title", c.Update.Title}, {"in the tree", r.Path},
	} {
		if row[1] != "" {
			fmt.Fprintf(&l.b, "   %-12s %s\n", row[0], oneLine(row[1], maxWords))
		}
	}
	c.standing(l)
	fmt.Fprintf(&l.b, "\n")
	l.say("Check it on any machine with gpg, zstd and the usual tools, in this folder, in one shell that you leave afterwards, from top to bottom. What to type stands after $, what it should answer after =. Lines after + need the program that they name, and can be left out. All lines after $ at once; the last word is then: checked")
	fmt.Fprintf(&l.b, "\n   sed -n 's/^    [$] //p' CHECK.txt | sh -e && echo checked\n")
	c.checkArrival(l)
	c.checkKeys(l)
	c.checkRotations(l)
	c.checkEdition(l, "The newest catalog that names the file", "", c.Newest)
	c.checkFile(l)
	c.checkSince(l)
	c.checkVouchers(l)
	c.checkBulletins(l)
	c.checkEnd(l, r)
	return l.b.String()
}

// standing says that hosts are not given the file.
func (c *evidenceCase) standing(l *checklist) {
	if h := c.HeldBack; h != nil {
		l.say("held back from hosts since %s by %s: %s", h.At, h.Actor, h.Reason)
	}
	if v := c.Revoked; v != nil {
		l.say("revoked on %s: %s", v.At, v.Reason)
	}
}

func (c *evidenceCase) checkArrival(l *checklist) {
	l.step("Nothing was lost or changed on the way")
	l.say("This proves that the folder is as it was written, and not yet who wrote it.")
	l.run("", `export LC_ALL=C T="$(mktemp -d)" && trap 'rm -rf "$T"' EXIT && export GNUPGHOME="$T/gnupg" && mkdir -m 700 "$GNUPGHOME"`)
	l.run("a line for each file that ends in OK", "sha256sum --strict -c SHA256SUMS")
	l.run("nothing: no file is missing, and none is here that is not listed",
		"find . -type f ! -path ./SHA256SUMS -print0 | sort -z | xargs -0 sha256sum | cmp - SHA256SUMS")
}

func (c *evidenceCase) checkKeys(l *checklist) {
	l.step("The keys of this site")
	l.say("All that follows is worth as much as these keys are: they came in the same folder. Compare the fingerprints that gpg shows with a second source, such as paper or a telephone call; the last step lists them with their owners.")
	ours := c.ours()
	var files []string
	for _, f := range ours {
		files = append(files, keyName(f))
	}
	l.run("a line for each key that says it was imported", "gpg --batch --import "+strings.Join(files, " "))
	var fingerprints []string
	for _, f := range ours {
		fingerprints = append(fingerprints, f.Grouped())
	}
	l.run("the fingerprints "+strings.Join(fingerprints, " and "), "gpg --batch --fingerprint")
}

// ours are the keys of the site and of its origin, which sign states and
// generations.
func (c *evidenceCase) ours() []verify.Fingerprint {
	var all []verify.Fingerprint
	for _, p := range c.Pins {
		if p.Purpose != verify.PurposeBulletin && !slices.Contains(all, p.Fingerprint) {
			all = append(all, p.Fingerprint)
		}
	}
	return all
}

// checkEdition leads from the key of the log of states to the update's line.
func (c *evidenceCase) checkEdition(l *checklist, title, below string, e *mirror.Edition) {
	state := stateName(e.State.Number)
	generation, line := below+generationName, below+lineName
	l.step(title)
	l.say("The site signed state %d on %s (%s, by %s). It names generation %d of the catalog%s by its SHA-256. Only what gpg writes out was signed, so that is what is read.",
		e.State.Number, e.State.At, e.State.Why, e.State.Actor, e.Generation.Number, c.broughtBy(e))
	l.run(validWords(e.State.Signed.Signers), fmt.Sprintf(`gpg --batch --yes --status-fd 1 -o "$T/%s.json" -d %s | %s`,
		state, store.StateKey(e.State.Number), validBy(fingerprintsOf(e.State.Signed.Signers)...)))
	l.run("one line, the digest of "+generation, c.published(`"$T/`+state+`.json"`, generation))
	c.checkHeader(l, state, generation, e)
	l.say("The origin signed that generation, and it names the catalog by its SHA-256.")
	l.run(validWords(e.Signed.Signers), fmt.Sprintf("gpg --batch --status-fd 1 --verify %s %s | %s",
		below+signatureName, generation, validBy(fingerprintsOf(e.Signed.Signers)...)))
	l.run("one line, the digest of "+below+catalogName, memberOf("catalog", generation, below+catalogName))
	l.say("The update is one line of that catalog, and stands in %s by itself.", line)
	l.run("1", fmt.Sprintf("zstd -dcq %s | grep -cxFf %s", below+catalogName, line))
}

// memberOf is the line that finds the digest of a file in a member of a signed
// document, which is JSON indented by two blanks.
func memberOf(member, document, file string) string {
	return fmt.Sprintf(`sed -n '/^  "%s": {$/,/^  }/p' %s | grep "\"sha256\": \"%s\""`, member, document, sha256Of(file))
}

// checkHeader leads from a state to the header of the bundle that brought a
// generation, and from there to the generation.
func (c *evidenceCase) checkHeader(l *checklist, state, generation string, e *mirror.Edition) {
	name := c.headerName(e)
	if name == "" {
		return
	}
	l.say("The state names the header of that bundle as well. The origin signed it, and it names the same generation: what crossed the gap is what the origin sent.")
	l.run("one line, the digest of "+name, fmt.Sprintf(`sed -n '/^    "%s": {$/,/^    }/p' "$T/%s.json" | grep "^      \"header\": \"%s\""`, c.Stream, state, sha256Of(name)))
	l.run(validWords(e.Header.Signed.Signers), fmt.Sprintf("gpg --batch --status-fd 1 --verify %s.asc %s | %s",
		name, name, validBy(fingerprintsOf(e.Header.Signed.Signers)...)))
	l.run("one line, the digest of "+generation, memberOf("generation", name, generation))
}

// published is the line that finds the digest of a generation in a state: in
// its own member on a side that makes generations, else in that of the stream.
func (c *evidenceCase) published(state, generation string) string {
	if c.Stream == "" {
		return memberOf("generation", state, generation)
	}
	return fmt.Sprintf(`sed -n '/^    "%s": {$/,/^    }/p' %s | sed -n '/^      "position": {$/,/^      }/p' | grep "\"sha256\": \"%s\""`,
		c.Stream, state, sha256Of(generation))
}

// broughtBy says in which bundle an edition came over a gap.
func (c *evidenceCase) broughtBy(e *mirror.Edition) string {
	s, follows := e.State.Streams[c.Stream]
	if !follows {
		return ""
	}
	return fmt.Sprintf(", which came in the transfer bundle %s on %s,", bundleName(&s), s.Accepted)
}

// stateName is a state's number as its file has it: "0000000042".
func stateName(number uint64) string {
	return strings.TrimSuffix(strings.TrimPrefix(store.StateKey(number), "states/"), ".asc")
}

func fingerprintsOf(signers []verify.Signer) []verify.Fingerprint {
	var all []verify.Fingerprint
	for _, s := range signers {
		all = append(all, s.Fingerprint)
	}
	return all
}

func validWords(signers []verify.Signer) string {
	return "a line [GNUPG:] VALIDSIG that ends in " + joined(fingerprintsOf(signers))
}

// checkFile leads from the line to the bytes.
func (c *evidenceCase) checkFile(l *checklist) {
	l.step("The file")
	if c.noContent {
		l.say("The file itself was left out. Whoever has it compares what sha256sum says of it with the digest in the line of the catalog, %s.", c.File.SHA256)
		l.run("1", fmt.Sprintf(`grep -cF '"sha256":"%s"' %s`, c.File.SHA256, lineName))
		return
	}
	l.say("Its digest stands in the line. With jq, the line can be read: it says the file's name, and all that vouches for it.")
	l.run("1", fmt.Sprintf(`grep -cF "\"sha256\":\"%s\"" %s`, sha256Of(c.contentName()), lineName))
	l.other("the file's name", fmt.Sprintf(`jq -r --arg d "%s" '.files[] | select(.held and .sha256 == $d) | .as // .name' %s`, sha256Of(c.contentName()), lineName))
}

// checkSince leads from the newest state back to the first one that had the
// file.
func (c *evidenceCase) checkSince(l *checklist) {
	l.step("Since when")
	first, newest := c.First.State.Number, c.Newest.State.Number
	if first == newest {
		l.say("State %d is the first that names the file, and the newest. %s", first, c.prunedWords())
		return
	}
	l.say("State %d of %s is the first that names the file. %s Each state names the SHA-256 of the one before, as stored, so none can be slipped in or changed later without the site's key.",
		first, c.First.State.At, c.prunedWords())
	if len(c.Between) > 0 && c.Between[0].Bytes == nil {
		l.say("There are %d states between the two, too many to lie here. states/digests.txt has their digests, to compare with the log of the store or a copy of it; by themselves these prove nothing.", len(c.Between))
	} else {
		c.checkChain(l, first, newest)
	}
	c.checkEdition(l, "The first catalog that names the file", firstEdition, c.First)
	l.run("1: the same digest as in the newest", fmt.Sprintf(`grep -cF '"sha256":"%s"' %s`, c.File.SHA256, firstEdition+lineName))
}

func (c *evidenceCase) prunedWords() string {
	if c.Pruned {
		return "Older generations are no longer kept, so it may have been there before."
	}
	return "No older generation names it."
}

// checkChain checks every state after the first, and its link to the one
// before.
func (c *evidenceCase) checkChain(l *checklist, first, newest uint64) {
	signers := fingerprintsOf(c.Newest.State.Signed.Signers)
	for _, s := range c.Between {
		signers = append(signers, fingerprintsOf(s.Signed)...)
	}
	slices.Sort(signers)
	every := fmt.Sprintf("for n in $(seq -f %%010.0f %d %d); do", first+1, newest)
	l.run(fmt.Sprintf("%s VALIDSIG", plural(int(newest-first), "line", "lines")),
		fmt.Sprintf(`( %s gpg --batch --yes --status-fd 1 -o "$T/$n.json" -d "states/$n.asc" 2>"$T/said" | %s || { cat "$T/said"; exit 1; }; done )`,
			every, validBy(slices.Compact(signers)...)))
	l.run(plural(int(newest-first), "line", "lines")+", the digest of the state before each",
		fmt.Sprintf(`( p=%s; %s grep "^  \"previous\": \"$(sha256sum < "states/$p.asc" | cut -c1-64)\"" "$T/$n.json" || exit 1; p=$n; done )`,
			stateName(first), every))
}

// checkEnd names the weakest link and what to compare.
func (c *evidenceCase) checkEnd(l *checklist, r *evidenceReport) {
	l.step("The weakest link")
	l.say("%s", r.Weakest)
	l.say("And all of it hangs on these keys. Compare each fingerprint with a second source: not with this folder, nor with the store or the machine that it came from.")
	for _, k := range r.Compare {
		fmt.Fprintf(&l.b, "\n   %s\n", k.Fingerprint.Grouped())
		l.wrap("      ", k.Role)
		for _, name := range some(k.UserIDs, 4) {
			l.wrap("      ", "the key says of itself: "+oneLine(name, maxWords))
		}
		if k.Key == "" {
			l.wrap("      ", "the key is not here")
		}
	}
	for i := range r.Pins {
		by := r.Pins[i].by()
		if i == 0 {
			fmt.Fprintf(&l.b, "\n")
			l.say("Why this site believes them (pins.txt):")
		}
		l.wrap("      ", fmt.Sprintf("%s: %s; %s", r.Pins[i].Fingerprint, oneLine(r.Pins[i].words(), maxWords), oneLine(by, maxWords)))
	}
}
