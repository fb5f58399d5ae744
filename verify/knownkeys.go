package verify

import (
	"slices"
	"strings"
)

// DocumentedKey is what somebody has published about a key: what to look for,
// and where to compare. It is no pin and counts for nothing in any verdict: a
// table in a program proves no more than the program's own origin does.
type DocumentedKey struct {
	Owner string `json:"owner"`
	Use   string `json:"use"` // what it signed, and when
	// Fingerprint as documented; empty where only a misprint or a key id is.
	Fingerprint Fingerprint `json:"fingerprint,omitempty"`
	// Printed is the fingerprint as it stands in print where that is none.
	Printed string `json:"printed,omitempty"`
	KeyID   string `json:"key_id"`         // the last 16 digits; what signatures name
	Where   string `json:"where"`          // the publication that says so
	Note    string `json:"note,omitempty"` // what to know before pinning it
}

// documented is the table, by owner and age. Each line was read in the place
// that it names.
var documented = [...]DocumentedKey{
	{
		Owner:   "Microsoft Security Response Center",
		Use:     "security bulletins by mail, about 2004",
		Printed: "9502 BE22 B497 5112 FBEO BFC9 8ADE 1206 AA55 BC66",
		KeyID:   "8ADE1206AA55BC66",
		Where:   "in print, in the patch management chapter of a Windows security handbook of about 2004",
		Note: "digit 20 is printed as the letter O, which no fingerprint has; take the digits from a second source, " +
			"such as a signed bulletin of your own archive",
	},
	{
		Owner:       "Microsoft Security Response Center",
		Use:         "listed as its key today",
		Fingerprint: "998D7EC1A516E3D17FF90480EF148D3CDE714E0D",
		KeyID:       "EF148D3CDE714E0D",
		Where:       "https://www.microsoft.com/.well-known/security.txt, which names https://msrc.microsoft.com/.well-known/csaf/openpgp/",
		Note:        "its CVRF documents are unsigned; whether its CSAF documents are signed was not found out",
	},
	{
		Owner:       "CISA",
		Use:         "CSAF advisories (ICSA, ICSMA) since 2023, older ones signed again",
		Fingerprint: "144AED0A57BE7D4AE835D9D8CAC5AC4F74164B17",
		KeyID:       "CAC5AC4F74164B17",
		Where:       "the name and the comment of the key file that mirrors of https://github.com/cisagov/CSAF hand out",
	},
	{
		Owner:       "CERT Coordination Center",
		Use:         "advisories and mail, key of 2008 to 2009",
		Fingerprint: "EE1AC5FDCDDDB25E8D0CD5701040E2AA14C33F57",
		KeyID:       "1040E2AA14C33F57",
		Where:       "http://www.cert.org/contact_cert/encryptmail.html, as archived",
		Note:        "a new key every year; forged keys with its name were uploaded to key servers",
	},
	{
		Owner: "FreeBSD Security Officer",
		Use:   "advisories and patches of 1996 to 2002",
		KeyID: "552E1E2E73D288A5",
		Where: "FreeBSD handbook, chapter of PGP keys, of 1996 to 2002 (pgpkeys/security-officer.key)",
		Note: "RSA of 1024 bits, version 3: its documented MD5 fingerprint 41 08 4E BB DB 41 60 71 F9 E5 0E 98 73 AF 3F 11 can be forged " +
			"and is no pin; pin v3sha256, legacy, with a not-after",
	},
	{
		Owner:       "FreeBSD Security Officer",
		Use:         "advisories and patches of 2002 to 2013",
		Fingerprint: "C3740FC569A6FBB14AEDB13115D68804CA6CDFB2",
		KeyID:       "15D68804CA6CDFB2",
		Where:       "FreeBSD documentation, share/pgpkeys/security-officer.key",
		Note:        "DSA of 1024 bits with SHA-1: pin it legacy, with a not-after",
	},
	{
		Owner:       "FreeBSD Security Officer",
		Use:         "advisories and patches of 2013 to 2017",
		Fingerprint: "1CF7FF6FADF5CA9FBE1B8CB2ED67ECD65DCF6AE7",
		KeyID:       "ED67ECD65DCF6AE7",
		Where:       "FreeBSD documentation, share/pgpkeys/security-officer.key",
	},
	{
		Owner:       "FreeBSD Security Officer",
		Use:         "advisories and patches of 2017 to 2022",
		Fingerprint: "FC0E878AE5AFE788028D6355D39792F49EA7E5C2",
		KeyID:       "D39792F49EA7E5C2",
		Where:       "https://www.freebsd.org/security/so_public_key.asc",
		Note:        "computed from the key file that is published there",
	},
}

// DocumentedKeys returns the table of keys that their owners, or books, have
// documented, to help an operator find what to pin.
func DocumentedKeys() []DocumentedKey { return slices.Clone(documented[:]) }

// DocumentedIssuer returns the documented key that a signature names by its
// key id or fingerprint in hexadecimal digits. Whoever makes a key can give it
// any key id: it is a hint where to look, never a reason to trust.
func DocumentedIssuer(issuer string) (DocumentedKey, bool) {
	issuer = strings.ToUpper(issuer)
	i := slices.IndexFunc(documented[:], func(k DocumentedKey) bool {
		return issuer == k.KeyID || k.Fingerprint != "" && issuer == string(k.Fingerprint)
	})
	if i < 0 {
		return DocumentedKey{}, false
	}
	return documented[i], true
}
