//go:build !unix

package bundle

// openFlags: what os.Root and the look before and after opening do must do.
const openFlags = 0
