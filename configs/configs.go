// Package configs holds the commented example configurations. The program
// writes Near for whoever runs init near, and Far for init far.
package configs

import _ "embed" // for the examples

// Near is the example for a near side, relative to its own directory.
//
//go:embed near.toml
var Near string

// Far is the example for a far side, relative to its own directory.
//
//go:embed far.toml
var Far string
