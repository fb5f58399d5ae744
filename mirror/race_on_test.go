//go:build race

package mirror_test

// raced: the tests watch for data races, and are several times slower.
const raced = true
