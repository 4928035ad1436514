#include "textflag.h"

// One byte of RC4 is: x = s[i], j += x, y = s[j], s[i] = y, s[j] = x, and s[x+y] is the key stream. What makes it slow is
// that the x of the next byte is read from a table into which this byte has just stored at a place, j, that is
// known late: the processor waits, or guesses and starts over.
//
// So four x are read at once, and their four j computed, before any store. That is wrong only where one of the first three j lies among
// the later i of the four, once in 43 times; mend then puts in the x that would have been found there. With all j
// known early, the swaps behind each other do not wait for addresses.

// DI s, R9 i, R10 -i, SI p, R8 n, DX scratch. The four bytes have their x in AX, R12, R13, R15, and their j in
// R11, R14, CX, BX; BX goes on as j. The key stream is gathered in X0, its even bytes, and X1, its odd ones, eight of them.

// LOOK reads x at i+at and moves j.
#define LOOK(at, x) \
	MOVL (at*4)(DI)(R9*4), x \
	ADDB x, BX

// HIT goes to mend if j is one of the left indices from i+at on.
#define HIT(j, at, left, mend) \
	LEAL -at(j)(R10*1), DX \
	CMPB DX, $left         \
	JCS  mend

// SWAP does the rest of the byte at i+at.
#define SWAP(at, x, j, lane, keys) \
	MOVL   (DI)(j*4), DX           \
	MOVL   DX, (at*4)(DI)(R9*4)    \
	MOVL   x, (DI)(j*4)            \
	ADDB   x, DX                   \
	PINSRW $lane, (DI)(DX*4), keys

// INDEX puts i+at where PUT finds it.
#define INDEX(at) LEAL at(R9), DX

// PUT takes for x the earlier one that was stored over it, if that went by j.
#define PUT(j, earlier, x) \
	CMPL    j, DX      \
	CMOVLEQ earlier, x

// MEND corrects the x and j of the four bytes from i+at on; the first x, and so the first j, is right in any case. j is a
// byte in a whole register throughout, and so are the x.
#define MEND(at1, at2, at3) \
	INDEX(at1)         \
	PUT(R11, AX, R12)  \
	MOVL R11, R14      \
	ADDB R12, R14      \
	INDEX(at2)         \
	PUT(R11, AX, R13)  \
	PUT(R14, R12, R13) \
	MOVL R14, CX       \
	ADDB R13, CX       \
	INDEX(at3)         \
	PUT(R11, AX, R15)  \
	PUT(R14, R12, R15) \
	PUT(CX, R13, R15)  \
	MOVL CX, BX        \
	ADDB R15, BX

// func xorWords(s *[256]uint32, i, j uint64, p *byte, n int) uint64
TEXT ·xorWords(SB), NOSPLIT, $0-48
	MOVQ s+0(FP), DI
	MOVQ i+8(FP), R9
	MOVQ j+16(FP), BX
	MOVQ p+24(FP), SI
	MOVQ n+32(FP), R8

word:
	PXOR X0, X0
	PXOR X1, X1
	MOVL R9, R10
	NEGL R10

	LOOK(0, AX)
	MOVL BX, R11
	LOOK(1, R12)
	MOVL BX, R14
	LOOK(2, R13)
	MOVL BX, CX
	LOOK(3, R15)
	HIT(R11, 1, 3, mend0)
	HIT(R14, 2, 2, mend0)
	HIT(CX, 3, 1, mend0)

swap0:
	SWAP(0, AX, R11, 0, X0)
	SWAP(1, R12, R14, 0, X1)
	SWAP(2, R13, CX, 1, X0)
	SWAP(3, R15, BX, 1, X1)

	LOOK(4, AX)
	MOVL BX, R11
	LOOK(5, R12)
	MOVL BX, R14
	LOOK(6, R13)
	MOVL BX, CX
	LOOK(7, R15)
	HIT(R11, 5, 3, mend4)
	HIT(R14, 6, 2, mend4)
	HIT(CX, 7, 1, mend4)

swap4:
	SWAP(4, AX, R11, 2, X0)
	SWAP(5, R12, R14, 2, X1)
	SWAP(6, R13, CX, 3, X0)
	SWAP(7, R15, BX, 3, X1)

	PSLLQ $8, X1
	MOVQ  (SI), X2
	POR   X1, X0
	PXOR  X2, X0
	MOVQ  X0, (SI)
	ADDQ  $8, SI
	ADDB  $8, R9
	DECQ  R8
	JNZ   word
	MOVBLZX BX, BX
	MOVQ  BX, ret+40(FP)
	RET

mend0:
	MEND(1, 2, 3)
	JMP swap0

mend4:
	MEND(5, 6, 7)
	JMP swap4
