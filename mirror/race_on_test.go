//go:build race

package mirror_test

// raced: this program, and with it every process that a test starts, watches
// for data races, and is several times slower.
const raced = true
