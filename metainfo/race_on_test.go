//go:build race

package metainfo

const raceEnabled = true
