//go:build !amd64

package mse

func (c *arc4) words(p []byte) { c.goWords(p) }
