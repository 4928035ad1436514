//go:build !race

package dht

const fewer = 1
