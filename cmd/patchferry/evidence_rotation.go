package main

import (
	"context"
	"fmt"

	"patchferry/mirror"
	"patchferry/verify"
)

// evidenceRotation is a change of the origin's key.
type evidenceRotation struct {
	mirror.RotationReport
	Document  string `json:"document"`
	Signature string `json:"signature"`
}

// rotationName is where a change of the origin's key stands in the folder, its
// signatures beside it.
func rotationName(i int) string { return fmt.Sprintf("rotations/rotate-%04d.json", i+1) }

func (d *dossier) writeRotations(_ context.Context, _ *mirror.Prover, c *evidenceCase) error {
	for i := range c.Rotations {
		if err := d.add(rotationName(i), c.Rotations[i].Document); err != nil {
			return err
		}
		if err := d.add(rotationName(i)+".asc", c.Rotations[i].Signature); err != nil {
			return err
		}
	}
	return nil
}

// checkRotations leads from the key that was pinned to the one that signs now.
func (c *evidenceCase) checkRotations(l *checklist) {
	if len(c.Rotations) == 0 {
		return
	}
	l.step("The origin's key was changed")
	l.say("Each change is a statement that the old key and the new one have both signed. So whoever has compared the first fingerprint is led to the last one.")
	for i := range c.Rotations {
		r, name := &c.Rotations[i], rotationName(i)
		l.say("Rotation %d of %s: %s in the place of %s.", r.Number, r.Created, r.New, r.Old)
		l.run("two lines", fmt.Sprintf(`grep '^  "old": "%s",$' %s && grep '^  "new": "%s",$' %s`, r.Old, name, r.New, name))
		for _, f := range [...]verify.Fingerprint{verify.Fingerprint(r.Old), verify.Fingerprint(r.New)} {
			l.run("a line [GNUPG:] VALIDSIG that ends in "+f.String(), fmt.Sprintf("gpg --batch --status-fd 1 --verify %s.asc %s | %s", name, name, validBy(f)))
		}
	}
}
