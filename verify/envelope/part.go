package envelope

// MaxDocument is the largest document in bytes that is looked at.
const MaxDocument = 4 << 20

// MaxParts is how many parts one document may have; more are an error.
const MaxParts = 64

// Part is one thing in a document that carries a signature of its own.
type Part struct {
	// Where says where it stands, for people: "block 2", "part 1.2, block 1".
	// It is empty where the document is one part and nothing else.
	Where string
	// Form says how the signature is joined to what it signs.
	Form Form
	// Body is what was signed, as found. In a Clear part the escapes of dashes
	// are undone and the line end before the signature is gone; line ends and
	// trailing blanks are as they were. In a MIME part it is the signed entity
	// with its headers, byte for byte but for CRLF line ends.
	Body []byte
	// Armor is the armored signature as found, from its BEGIN line to its END
	// line.
	Armor []byte
	// Hashes are the names in the Hash headers of a Clear part; nil where it
	// has none, as PGP 2 wrote it.
	Hashes []string
	// Charset is that of the text, in the words of its mail; empty is unknown.
	Charset string
	// Text is the text within Body for readers: Body itself in a Clear part,
	// the decoded text of the signed entity in a MIME part.
	Text []byte
	// Extra: text other than blank lines stands around the part, signed by
	// nobody.
	Extra bool
	// Inner are the parts within Body, outermost first.
	Inner []Part
	// Err says why the part cannot be checked; it then has no Body.
	Err error
}

// Form is how a signature is joined to what it signs.
type Form int

// The forms.
const (
	Clear Form = iota // clear-signed text
	MIME              // multipart/signed with application/pgp-signature
)
