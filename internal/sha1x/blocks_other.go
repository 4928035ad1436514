//go:build !amd64

package sha1x

// fast is false where nobody has written blocks. It is a variable because tests set it.
var fast = false

func blocks(*[Lanes][5]uint32, *[Lanes]*byte, int, int) {}
