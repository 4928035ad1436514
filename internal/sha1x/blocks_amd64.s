#include "textflag.h"

// SHA-1 (FIPS 180-4) of two, three or four messages side by side with the processor's SHA
// instructions. One SHA1RNDS4 needs the result of the one before, six cycles later, while the processor could begin
// one every other cycle; so the steps of the messages take turns.
//
// A group is four rounds; a block of 64 bytes has twenty. In the registers are, for each message, its a to d (X0 and
// following), e and the last four words of its schedule, and two more that are free. A step puts its
// new e and words into the free ones and leaves its old ones free for the next message; so the names move on by one from
// group to group. X15 is the mask that swaps bytes. At BX, in multiples of 16 bytes: the last four groups of
// words of each message, then a to d and e as they were before the block.

#define RING(i, g) (64*i+16*((g)&3))(BX)

// LOAD takes four words of the message at p into u.
#define LOAD(i, g, p, u) \
	MOVOU  (16*g)(p)(CX*1), u \
	PSHUFB X15, u             \
	MOVO   u, RING(i, g)

// NEXT makes the next four words in u. x has those before them.
#define NEXT(i, g, x, u) \
	MOVO     RING(i, g), u   \
	SHA1MSG1 RING(i, g+1), u \
	PXOR     RING(i, g+2), u \
	SHA1MSG2 x, u            \
	MOVO     u, RING(i, g)

// ROUNDS does four rounds of kind k with the words w. t becomes e: a of now is e, turned, four rounds later.
#define ROUNDS(k, a, e, t, w) \
	MOVO      a, t  \
	SHA1NEXTE w, e  \
	SHA1RNDS4 $k, e, a

// ROUNDS0 are the first four of a block, where e is e itself.
#define ROUNDS0(a, e, t, w) \
	MOVO      a, t \
	PADDD     w, e \
	SHA1RNDS4 $0, e, a

// ENTER and LEAVE take the state of message i, five words, from AX and put it back.
#define ENTER(i, p, a, e) \
	MOVQ   (8*i)(DI), p       \
	MOVOU  (20*i)(AX), a      \
	PSHUFD $0x1b, a, a        \
	PXOR   e, e               \
	PINSRD $3, (20*i+16)(AX), e

#define LEAVE(i, a, e) \
	PSHUFD $0x1b, a, a   \
	MOVOU  a, (20*i)(AX) \
	PEXTRD $3, e, (20*i+16)(AX)

// SAVE and SUM are the begin and the end of a block.
#define SAVE(at, a, e) \
	MOVO a, (at)(BX) \
	MOVO e, (at+16)(BX)

#define SUM(at, a, e) \
	SHA1NEXTE (at+16)(BX), e \
	PADDD     (at)(BX), a

#define FIRST2(e0, e1, t, x0, x1, u) \
	LOAD(0, 0, R8, u)       \
	ROUNDS0(X0, e0, t, u)   \
	LOAD(1, 0, R9, x0)      \
	ROUNDS0(X1, e1, e0, x0)

#define LATER2(g, e0, e1, t, x0, x1, u) \
	LOAD(0, g, R8, u)         \
	ROUNDS(0, X0, e0, t, u)   \
	LOAD(1, g, R9, x0)        \
	ROUNDS(0, X1, e1, e0, x0)

#define GROUP2(k, g, e0, e1, t, x0, x1, u) \
	NEXT(0, g, x0, u)         \
	ROUNDS(k, X0, e0, t, u)   \
	NEXT(1, g, x1, x0)        \
	ROUNDS(k, X1, e1, e0, x0)

// func blocks2(state *[Lanes][5]uint32, p *[Lanes]*byte, n int)
TEXT ·blocks2(SB), NOSPLIT, $208-24
	MOVQ  state+0(FP), AX
	MOVQ  p+8(FP), DI
	MOVQ  n+16(FP), DX
	LEAQ  15(SP), BX
	ANDQ  $~15, BX
	MOVOU flip<>(SB), X15
	ENTER(0, R8, X0, X2)
	ENTER(1, R9, X1, X3)
	XORQ  CX, CX
	SHLQ  $6, DX

loop:
	SAVE(128, X0, X2)
	SAVE(160, X1, X3)
	FIRST2(X2, X3, X4, X5, X6, X7)
	LATER2(1, X4, X2, X3, X7, X5, X6)
	LATER2(2, X3, X4, X2, X6, X7, X5)
	LATER2(3, X2, X3, X4, X5, X6, X7)
	GROUP2(0, 4, X4, X2, X3, X7, X5, X6)
	GROUP2(1, 5, X3, X4, X2, X6, X7, X5)
	GROUP2(1, 6, X2, X3, X4, X5, X6, X7)
	GROUP2(1, 7, X4, X2, X3, X7, X5, X6)
	GROUP2(1, 8, X3, X4, X2, X6, X7, X5)
	GROUP2(1, 9, X2, X3, X4, X5, X6, X7)
	GROUP2(2, 10, X4, X2, X3, X7, X5, X6)
	GROUP2(2, 11, X3, X4, X2, X6, X7, X5)
	GROUP2(2, 12, X2, X3, X4, X5, X6, X7)
	GROUP2(2, 13, X4, X2, X3, X7, X5, X6)
	GROUP2(2, 14, X3, X4, X2, X6, X7, X5)
	GROUP2(3, 15, X2, X3, X4, X5, X6, X7)
	GROUP2(3, 16, X4, X2, X3, X7, X5, X6)
	GROUP2(3, 17, X3, X4, X2, X6, X7, X5)
	GROUP2(3, 18, X2, X3, X4, X5, X6, X7)
	GROUP2(3, 19, X4, X2, X3, X7, X5, X6)
	SUM(128, X0, X3)
	SUM(160, X1, X4)
	MOVO  X3, X2
	MOVO  X4, X3
	ADDQ  $64, CX
	CMPQ  CX, DX
	JB    loop

	LEAVE(0, X0, X2)
	LEAVE(1, X1, X3)
	RET

#define FIRST3(e0, e1, e2, t, x0, x1, x2, u) \
	LOAD(0, 0, R8, u)       \
	ROUNDS0(X0, e0, t, u)   \
	LOAD(1, 0, R9, x0)      \
	ROUNDS0(X1, e1, e0, x0) \
	LOAD(2, 0, R10, x1)     \
	ROUNDS0(X2, e2, e1, x1)

#define LATER3(g, e0, e1, e2, t, x0, x1, x2, u) \
	LOAD(0, g, R8, u)         \
	ROUNDS(0, X0, e0, t, u)   \
	LOAD(1, g, R9, x0)        \
	ROUNDS(0, X1, e1, e0, x0) \
	LOAD(2, g, R10, x1)       \
	ROUNDS(0, X2, e2, e1, x1)

#define GROUP3(k, g, e0, e1, e2, t, x0, x1, x2, u) \
	NEXT(0, g, x0, u)         \
	ROUNDS(k, X0, e0, t, u)   \
	NEXT(1, g, x1, x0)        \
	ROUNDS(k, X1, e1, e0, x0) \
	NEXT(2, g, x2, x1)        \
	ROUNDS(k, X2, e2, e1, x1)

// func blocks3(state *[Lanes][5]uint32, p *[Lanes]*byte, n int)
TEXT ·blocks3(SB), NOSPLIT, $304-24
	MOVQ  state+0(FP), AX
	MOVQ  p+8(FP), DI
	MOVQ  n+16(FP), DX
	LEAQ  15(SP), BX
	ANDQ  $~15, BX
	MOVOU flip<>(SB), X15
	ENTER(0, R8, X0, X3)
	ENTER(1, R9, X1, X4)
	ENTER(2, R10, X2, X5)
	XORQ  CX, CX
	SHLQ  $6, DX

loop:
	SAVE(192, X0, X3)
	SAVE(224, X1, X4)
	SAVE(256, X2, X5)
	FIRST3(X3, X4, X5, X6, X7, X8, X9, X10)
	LATER3(1, X6, X3, X4, X5, X10, X7, X8, X9)
	LATER3(2, X5, X6, X3, X4, X9, X10, X7, X8)
	LATER3(3, X4, X5, X6, X3, X8, X9, X10, X7)
	GROUP3(0, 4, X3, X4, X5, X6, X7, X8, X9, X10)
	GROUP3(1, 5, X6, X3, X4, X5, X10, X7, X8, X9)
	GROUP3(1, 6, X5, X6, X3, X4, X9, X10, X7, X8)
	GROUP3(1, 7, X4, X5, X6, X3, X8, X9, X10, X7)
	GROUP3(1, 8, X3, X4, X5, X6, X7, X8, X9, X10)
	GROUP3(1, 9, X6, X3, X4, X5, X10, X7, X8, X9)
	GROUP3(2, 10, X5, X6, X3, X4, X9, X10, X7, X8)
	GROUP3(2, 11, X4, X5, X6, X3, X8, X9, X10, X7)
	GROUP3(2, 12, X3, X4, X5, X6, X7, X8, X9, X10)
	GROUP3(2, 13, X6, X3, X4, X5, X10, X7, X8, X9)
	GROUP3(2, 14, X5, X6, X3, X4, X9, X10, X7, X8)
	GROUP3(3, 15, X4, X5, X6, X3, X8, X9, X10, X7)
	GROUP3(3, 16, X3, X4, X5, X6, X7, X8, X9, X10)
	GROUP3(3, 17, X6, X3, X4, X5, X10, X7, X8, X9)
	GROUP3(3, 18, X5, X6, X3, X4, X9, X10, X7, X8)
	GROUP3(3, 19, X4, X5, X6, X3, X8, X9, X10, X7)
	SUM(192, X0, X3)
	SUM(224, X1, X4)
	SUM(256, X2, X5)
	ADDQ  $64, CX
	CMPQ  CX, DX
	JB    loop

	LEAVE(0, X0, X3)
	LEAVE(1, X1, X4)
	LEAVE(2, X2, X5)
	RET

#define FIRST4(e0, e1, e2, e3, t, x0, x1, x2, x3, u) \
	LOAD(0, 0, R8, u)       \
	ROUNDS0(X0, e0, t, u)   \
	LOAD(1, 0, R9, x0)      \
	ROUNDS0(X1, e1, e0, x0) \
	LOAD(2, 0, R10, x1)     \
	ROUNDS0(X2, e2, e1, x1) \
	LOAD(3, 0, R11, x2)     \
	ROUNDS0(X3, e3, e2, x2)

#define LATER4(g, e0, e1, e2, e3, t, x0, x1, x2, x3, u) \
	LOAD(0, g, R8, u)         \
	ROUNDS(0, X0, e0, t, u)   \
	LOAD(1, g, R9, x0)        \
	ROUNDS(0, X1, e1, e0, x0) \
	LOAD(2, g, R10, x1)       \
	ROUNDS(0, X2, e2, e1, x1) \
	LOAD(3, g, R11, x2)       \
	ROUNDS(0, X3, e3, e2, x2)

#define GROUP4(k, g, e0, e1, e2, e3, t, x0, x1, x2, x3, u) \
	NEXT(0, g, x0, u)         \
	ROUNDS(k, X0, e0, t, u)   \
	NEXT(1, g, x1, x0)        \
	ROUNDS(k, X1, e1, e0, x0) \
	NEXT(2, g, x2, x1)        \
	ROUNDS(k, X2, e2, e1, x1) \
	NEXT(3, g, x3, x2)        \
	ROUNDS(k, X3, e3, e2, x2)

// func blocks4(state *[Lanes][5]uint32, p *[Lanes]*byte, n int)
TEXT ·blocks4(SB), NOSPLIT, $400-24
	MOVQ  state+0(FP), AX
	MOVQ  p+8(FP), DI
	MOVQ  n+16(FP), DX
	LEAQ  15(SP), BX
	ANDQ  $~15, BX
	MOVOU flip<>(SB), X15
	ENTER(0, R8, X0, X4)
	ENTER(1, R9, X1, X5)
	ENTER(2, R10, X2, X6)
	ENTER(3, R11, X3, X7)
	XORQ  CX, CX
	SHLQ  $6, DX

loop:
	SAVE(256, X0, X4)
	SAVE(288, X1, X5)
	SAVE(320, X2, X6)
	SAVE(352, X3, X7)
	FIRST4(X4, X5, X6, X7, X8, X9, X10, X11, X12, X13)
	LATER4(1, X8, X4, X5, X6, X7, X13, X9, X10, X11, X12)
	LATER4(2, X7, X8, X4, X5, X6, X12, X13, X9, X10, X11)
	LATER4(3, X6, X7, X8, X4, X5, X11, X12, X13, X9, X10)
	GROUP4(0, 4, X5, X6, X7, X8, X4, X10, X11, X12, X13, X9)
	GROUP4(1, 5, X4, X5, X6, X7, X8, X9, X10, X11, X12, X13)
	GROUP4(1, 6, X8, X4, X5, X6, X7, X13, X9, X10, X11, X12)
	GROUP4(1, 7, X7, X8, X4, X5, X6, X12, X13, X9, X10, X11)
	GROUP4(1, 8, X6, X7, X8, X4, X5, X11, X12, X13, X9, X10)
	GROUP4(1, 9, X5, X6, X7, X8, X4, X10, X11, X12, X13, X9)
	GROUP4(2, 10, X4, X5, X6, X7, X8, X9, X10, X11, X12, X13)
	GROUP4(2, 11, X8, X4, X5, X6, X7, X13, X9, X10, X11, X12)
	GROUP4(2, 12, X7, X8, X4, X5, X6, X12, X13, X9, X10, X11)
	GROUP4(2, 13, X6, X7, X8, X4, X5, X11, X12, X13, X9, X10)
	GROUP4(2, 14, X5, X6, X7, X8, X4, X10, X11, X12, X13, X9)
	GROUP4(3, 15, X4, X5, X6, X7, X8, X9, X10, X11, X12, X13)
	GROUP4(3, 16, X8, X4, X5, X6, X7, X13, X9, X10, X11, X12)
	GROUP4(3, 17, X7, X8, X4, X5, X6, X12, X13, X9, X10, X11)
	GROUP4(3, 18, X6, X7, X8, X4, X5, X11, X12, X13, X9, X10)
	GROUP4(3, 19, X5, X6, X7, X8, X4, X10, X11, X12, X13, X9)
	SUM(256, X0, X4)
	SUM(288, X1, X5)
	SUM(320, X2, X6)
	SUM(352, X3, X7)
	ADDQ  $64, CX
	CMPQ  CX, DX
	JB    loop

	LEAVE(0, X0, X4)
	LEAVE(1, X1, X5)
	LEAVE(2, X2, X6)
	LEAVE(3, X3, X7)
	RET

// func cpuid(leaf, sub uint32) (eax, ebx, ecx uint32)
TEXT ·cpuid(SB), NOSPLIT, $0-20
	MOVL leaf+0(FP), AX
	MOVL sub+4(FP), CX
	CPUID
	MOVL AX, eax+8(FP)
	MOVL BX, ebx+12(FP)
	MOVL CX, ecx+16(FP)
	RET

// flip turns 16 bytes round: SHA1RNDS4 wants the first word on top.
DATA flip<>+0(SB)/8, $0x08090a0b0c0d0e0f
DATA flip<>+8(SB)/8, $0x0001020304050607
GLOBL flip<>(SB), RODATA|NOPTR, $16
