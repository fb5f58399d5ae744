// Package hosttest plays the programs that fetch updates on Windows hosts, for
// tests: the Background Intelligent Transfer Service and Delivery Optimization.
// They send what those send, in their order, and refuse what those refuse. They
// were written from what is documented and was observed of them, not beside real
// ones.
//
// Nothing here is part of a server.
package hosttest

import (
	"errors"
	"fmt"
)

// Piece is how much both ask for at a time, in bytes.
const Piece = 1 << 20

// ErrAgain says that an attempt failed in a way after which a host asks again:
// the connection was lost, or the server is busy.
var ErrAgain = errors.New("to be tried again")

// again is an error that matches ErrAgain.
func again(format string, args ...any) error {
	return fmt.Errorf("%w: %w", fmt.Errorf(format, args...), ErrAgain)
}
