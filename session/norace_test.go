//go:build !race

package session

const fewer = 1
