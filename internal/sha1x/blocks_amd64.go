package sha1x

// fast says that this processor has what blocks needs: SSSE3, SSE 4.1 and the SHA
// extensions. These use registers that every 64-bit system saves. Only tests change it.
var fast = hasSHA()

func hasSHA() bool {
	const ssse3, sse41, sha = 1 << 9, 1 << 19, 1 << 29
	if most, _, _ := cpuid(0, 0); most < 7 {
		return false
	}
	_, _, ecx1 := cpuid(1, 0)
	_, ebx7, _ := cpuid(7, 0)
	return ecx1&ssse3 != 0 && ecx1&sse41 != 0 && ebx7&sha != 0
}

// blocks hashes count > 0 blocks at each of the first n pointers, 2 <= n <= Lanes, into their states. The goroutine is not
// preempted meanwhile.
func blocks(state *[Lanes][5]uint32, p *[Lanes]*byte, n, count int) {
	switch n {
	case 2:
		blocks2(state, p, count)
	case 3:
		blocks3(state, p, count)
	case 4:
		blocks4(state, p, count)
	}
}

//go:noescape
func blocks2(state *[Lanes][5]uint32, p *[Lanes]*byte, n int)

//go:noescape
func blocks3(state *[Lanes][5]uint32, p *[Lanes]*byte, n int)

//go:noescape
func blocks4(state *[Lanes][5]uint32, p *[Lanes]*byte, n int)

func cpuid(leaf, sub uint32) (eax, ebx, ecx uint32)
