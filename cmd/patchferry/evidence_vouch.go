package main

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"patchferry/layout"
	"patchferry/mirror"
	"patchferry/verify"
)

// weakest names the weakest link of what vouches for the file: of several
// pieces of evidence the strongest counts, and this is where it can fail.
func (c *evidenceCase) weakest() string {
	e := c.File.Best()
	if e == nil {
		return "nothing is recorded that vouches for the file"
	}
	by, day := oneLine(e.By, maxWords), day(e.At)
	switch {
	case e.Grade == layout.GradeSigned:
		signer := verify.Fingerprint(e.Signer)
		text := fmt.Sprintf("signed by %s, whose fingerprint you must compare with a second source (%s)", signer.Grouped(), c.whyPinned(signer))
		if !c.holds(e.Document) {
			text += "; the document itself is no longer held, so that this is the origin's word"
		}
		return text
	case e.Weak:
		return fmt.Sprintf("vouched for by a %s, for which other files can be made, in %s, on %s; nobody signed it", digestName(e.Algorithm), listWords(e, by), day)
	case e.Grade == layout.GradeChannel:
		return fmt.Sprintf("vouched for by a %s in %s, on %s; nobody signed it", digestName(e.Algorithm), listWords(e, by), day)
	case e.Grade == layout.GradeCapture:
		return fmt.Sprintf("captured on %s from %s: nobody vouched; it is what was there at that time, and it changes by design", day, by)
	case e.Grade == layout.GradeFirstUse:
		return fmt.Sprintf("first use on %s from %s: nobody vouched; it is what was there the first time", day, by)
	}
	return fmt.Sprintf("vouched for by %s (grade %s), on %s", by, oneLine(string(e.Grade), 40), day)
}

// holds reports whether a document is among the bulletins.
func (c *evidenceCase) holds(document layout.Digest) bool {
	return slices.ContainsFunc(c.Bulletins, func(b mirror.BulletinProof) bool { return b.Notice.Original.SHA256 == document })
}

// listWords says how a list came.
func listWords(e *layout.Evidence, by string) string {
	if e.TLSKey.IsZero() {
		return "a list that the operator named (" + by + ")"
	}
	return "a list over https (" + by + ")"
}

func digestName(algorithm string) string {
	names := map[string]string{"sha256": "SHA-256", "sha1": "SHA-1", "md5": "MD5"}
	if name, ok := names[algorithm]; ok {
		return name
	}
	return "digest"
}

// whyPinned says on whose word a publisher's key counts here.
func (c *evidenceCase) whyPinned(f verify.Fingerprint) string {
	for _, p := range c.Pins {
		if p.Fingerprint != f || p.Purpose != verify.PurposeBulletin {
			continue
		}
		pin := reportPin(p)
		if by := oneLine(pin.by(), maxWords); by != "" {
			return by
		}
		return "pinned here, nobody wrote down why"
	}
	return "not pinned here"
}

// checkVouchers lists what was recorded when the file was taken in. It is part
// of the line, and so signed by the origin: that the origin saw it, nobody else
// says.
func (c *evidenceCase) checkVouchers(l *checklist) {
	l.step("Who vouched for the file when it came")
	l.say("This is recorded in the line of the catalog. The origin's signature says that the origin saw it so; the lists themselves are not kept, only their SHA-256.")
	for i := range c.File.Evidence {
		e := &c.File.Evidence[i]
		l.say("- %s: %s, recorded %s", oneLine(string(e.Grade), 40), gradeWords(e.Grade), e.At)
		for _, row := range [][2]string{
			{"by", e.By}, {"states", e.Algorithm}, {"SHA-256 of that document", digestOrNone(e.Document)},
			{"SHA-256 of the server's public key (TLS)", digestOrNone(e.TLSKey)}, {"signed by", verify.Fingerprint(e.Signer).Grouped()},
		} {
			if row[1] != "" {
				l.wrap("       ", row[0]+": "+oneLine(row[1], maxWords))
			}
		}
	}
	if c.noContent {
		return
	}
	best := c.File.Best()
	if best != nil && best.Weak && !c.File.SHA1.IsZero() {
		l.say("The digest that was stated is a SHA-1, and the file has it:")
		l.run(c.contentName()+": OK", fmt.Sprintf("echo %s | sha1sum --strict -c -", quoteShell(c.File.SHA1.String()+"  "+c.contentName())))
	}
}

func digestOrNone(d layout.Digest) string {
	if d.IsZero() {
		return ""
	}
	return d.String()
}

func gradeWords(g layout.Grade) string {
	words := map[layout.Grade]string{
		layout.GradePublisher: "the publisher's signature inside the file",
		layout.GradeSigned:    "its digest stands in a document signed by a pinned key",
		layout.GradeBundle:    "an origin's signed generation",
		layout.GradeChannel:   "its digest stood in a list",
		layout.GradeName:      "its digest stood in the publisher's file name",
		layout.GradeCapture:   "nobody; what was there at that time",
		layout.GradeFirstUse:  "nobody; what was there the first time",
	}
	if text, ok := words[g]; ok {
		return text
	}
	return "a grade that this version does not know"
}

// checkBulletins verifies what publishers announced.
func (c *evidenceCase) checkBulletins(l *checklist) {
	if len(c.Bulletins) == 0 {
		return
	}
	l.step("Bulletins that concern the file")
	l.say("The generation names the list of notices by its SHA-256, and each bulletin here is a line of it, with the digest of its document and what its origin made of it.%s", c.judgedHere())
	l.run("one line, the digest of "+noticesName, memberOf("notices", generationName, noticesName))
	l.run(fmt.Sprint(len(c.Bulletins)), fmt.Sprintf("zstd -dcq %s | grep -cxFf %s", noticesName, noticeLines))
	if c.MoreBulletins > 0 {
		l.say("%d more announce the update, and were left out.", c.MoreBulletins)
	}
	for i := range c.Bulletins {
		c.checkBulletin(l, i, &c.Bulletins[i])
	}
}

// judgedHere says whose word the verdicts are.
func (c *evidenceCase) judgedHere() string {
	if c.Stream == "" {
		return ""
	}
	return " What is said of each below is by the keys and pins of this side."
}

func (c *evidenceCase) checkBulletin(l *checklist, i int, b *mirror.BulletinProof) {
	n := b.Notice
	original, signature := bulletinNames(i, b)
	fmt.Fprintf(&l.b, "\n")
	l.say("%s: %s, from %s: %s", original, joined(reportBulletin(i, b).Names), oneLine(n.By, maxWords), verdictWords(n))
	l.run("1 or more", fmt.Sprintf(`grep -cF "\"sha256\":\"%s\"" %s`, sha256Of(original), noticeLines))
	signer := verify.Fingerprint(n.Signer)
	switch {
	case n.Verdict == layout.UnknownKey:
		l.say("It is signed by a key that this side does not have.")
		return
	case signer == "":
		l.say("Nobody signed it. It was found there on %s%s.", n.Captured, tlsWords(n.TLSKey))
		return
	case slices.Contains(c.Missing, signer):
		l.say("It is signed by %s, whose key is not here.", signer.Grouped())
		return
	}
	text := c.checkSignature(l, b, original, signature)
	if !b.States || !bytes.Contains(bytes.ToLower(b.Original), []byte(c.File.SHA256.String())) {
		return
	}
	l.say("It states the file's digest.")
	if text != "" {
		l.run("a number of lines, not 0", fmt.Sprintf("grep -ciF %s %s", c.File.SHA256, text))
	}
}

func tlsWords(key layout.Digest) string {
	if key.IsZero() {
		return ""
	}
	return ", on a server whose public key (TLS) has the SHA-256 " + key.String()
}

// checkSignature writes the lines that verify a bulletin, and returns where its
// signed text can be read then, as a shell word; "" where no line after $
// writes it out.
func (c *evidenceCase) checkSignature(l *checklist, b *mirror.BulletinProof, original, signature string) (text string) {
	n := b.Notice
	signer := verify.Fingerprint(n.Signer)
	ours := "patchferry bulletin verify --profile historical --key " + quoteShell(keyName(signer))
	if signature != "" {
		ours += " --signature " + quoteShell(signature)
	}
	ours += " " + quoteShell(original)
	const answer = "valid, and the fingerprint of the signer"
	switch {
	case refusedByGPG2(n):
		l.say("It is of its time: gpg 2 refuses such keys or digests (%s). gpg 1.4 checks them, and so does patchferry; it is evidence of what was once announced, and no more.", strings.Join(n.Qualifiers, ", "))
		l.other("a line [GNUPG:] VALIDSIG", c.gpg1Line(signer, original, signature))
		l.other(answer, ours)
		c.checkOldKey(l, signer)
		return ""
	case signature == "" && !clearSigned(b.Original):
		l.say("It is a mail whose signature gpg cannot find by itself.")
		l.other(answer, ours)
		return ""
	}
	write := l.run
	if n.Historical() {
		l.say("Its signature proves little by today's measure (%s): newer versions of gpg may refuse it.", strings.Join(n.Qualifiers, ", "))
		write = l.other
	}
	write("imported, or not changed", "gpg --batch --import "+quoteShell(keyName(signer)))
	valid := "a line [GNUPG:] VALIDSIG that ends in " + signer.String()
	if signature != "" {
		text = quoteShell(original)
		write(valid, fmt.Sprintf("gpg --batch --status-fd 1 --verify %s %s | %s", quoteShell(signature), text, validBy(signer)))
	} else {
		text = `"$T/` + strings.TrimPrefix(original, "bulletins/")[:3] + `.txt"`
		write(valid, fmt.Sprintf("gpg --batch --yes --status-fd 1 -o %s -d %s | %s", text, quoteShell(original), validBy(signer)))
	}
	l.other(answer, ours)
	if n.Historical() {
		return ""
	}
	return text
}

// gpg1Line verifies with gpg 1.4 in a keyring of its own. It prints the MD5
// fingerprint of a key of version 3, where newer programs print the other.
func (c *evidenceCase) gpg1Line(signer verify.Fingerprint, original, signature string) string {
	printed := signer.String()
	if i := c.certificate(signer); i != nil && i.MD5 != "" {
		printed = i.MD5
	}
	return fmt.Sprintf(`mkdir -p -m 700 "$T/gnupg1"; gpg1 --homedir "$T/gnupg1" --batch --allow-non-selfsigned-uid --import %s; gpg1 --homedir "$T/gnupg1" --batch --allow-weak-digest-algos --status-fd 1 --verify %s | %s`,
		quoteShell(keyName(signer)), strings.TrimSpace(quoteIfAny(signature)+" "+quoteShell(original)), validBy(printed))
}

// certificate describes a certificate, or is nil where it is not here.
func (c *evidenceCase) certificate(f verify.Fingerprint) *verify.CertificateInfo {
	all := c.keys.Certificates()
	if i := slices.IndexFunc(all, func(k verify.CertificateInfo) bool { return k.Fingerprint == f }); i >= 0 {
		return &all[i]
	}
	return nil
}

// checkOldKey shows how to come by the fingerprint by which a key of version 3
// is pinned: the SHA-256 of its key packet, the first in the file, without the
// packet's head of five bytes.
func (c *evidenceCase) checkOldKey(l *checklist, signer verify.Fingerprint) {
	if !signer.IsV3() {
		return
	}
	packet, ok := firstPacket(c.keys, signer)
	if !ok {
		return
	}
	l.say("The fingerprint that gpg 1.4 prints of such a key can be forged. It is pinned by the SHA-256 of the whole key:")
	l.run("the digits after v3sha256:", fmt.Sprintf("gpg --dearmor < %s | tail -c +6 | head -c %d | sha256sum | grep -i %s",
		quoteShell(keyName(signer)), packet, strings.ToLower(strings.TrimPrefix(signer.String(), "v3sha256:"))))
}

// firstPacket returns how many bytes the first packet of a certificate has, as
// it is written: with a head of the old form and four bytes of length.
func firstPacket(keys *verify.Keyring, f verify.Fingerprint) (length int, ok bool) {
	var armored bytes.Buffer
	if err := keys.WriteCertificate(&armored, f); err != nil {
		return 0, false
	}
	_, body, _ := strings.Cut(armored.String(), "\n\n")
	first, _, _ := strings.Cut(body, "\n")
	head, err := base64.StdEncoding.DecodeString(first[:min(len(first), 8)])
	if err != nil || len(head) < 5 {
		return 0, false
	}
	return int(binary.BigEndian.Uint32(head[1:5])), true
}

func quoteIfAny(s string) string {
	if s == "" {
		return ""
	}
	return quoteShell(s)
}

// refusedByGPG2 reports whether the bulletin is signed in a way that gpg 2 no
// longer knows: keys of version 3, MD5.
func refusedByGPG2(n *layout.Notice) bool {
	return slices.Contains(n.Qualifiers, "key-v3") || slices.Contains(n.Qualifiers, "weak-digest-md5")
}

// encoded finds the head of a mail whose text is not there as it was signed.
var encoded = regexp.MustCompile(`(?im)^Content-Transfer-Encoding:[ \t]*(quoted-printable|base64)|^Content-Type:[ \t]*multipart/signed`)

// clearSigned reports whether gpg finds one clear-signed text in a document.
func clearSigned(document []byte) bool {
	const begin = "-----BEGIN PGP SIGNED MESSAGE-----"
	starts := bytes.HasPrefix(document, []byte(begin)) || bytes.Contains(document, []byte("\n"+begin))
	return starts && bytes.Count(document, []byte(begin)) == 1 && !encoded.Match(document)
}
