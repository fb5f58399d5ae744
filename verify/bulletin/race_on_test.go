//go:build race

package bulletin_test

// underRace: the race detector empties pools at random, so what is allocated
// says nothing.
const underRace = true
