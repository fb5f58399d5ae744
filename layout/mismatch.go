package layout

import "fmt"

// MismatchError is content that is not what was stated of it.
type MismatchError struct {
	What string // "size", "SHA-256", "SHA-1", "MD5"
	Want string // as stated
	Got  string // as measured
}

func (e *MismatchError) Error() string {
	return fmt.Sprintf("wrong %s: want %s, got %s", e.What, e.Want, e.Got)
}
