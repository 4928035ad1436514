package mse

import (
	"crypto/rand"
	"fmt"
	"math/big"
)

// keyLen is the length of a public key and of the secret, in bytes.
const keyLen = 96

// prime is the group's, safe and of 768 bits; the generator is 2.
var (
	prime, _  = new(big.Int).SetString("ffffffffffffffffc90fdaa22168c234c4c6628b80dc1cd129024e088a67cc74020bbea63b139b22514a08798e3404ddef9519b3cd3a431b302b0a6df25f14374fe1356d6d51c245e485b576625e7ec6f44c42e9a63a36210000000000090563", 16)
	generator = big.NewInt(2)
	one       = big.NewInt(1)
	last      = new(big.Int).Sub(prime, one)
)

// private is an exponent of 160 bits.
type private [20]byte

func newPrivate() (x private) {
	_, _ = rand.Read(x[:]) // never fails
	return x
}

// public returns the key to be sent.
func (x private) public() [keyLen]byte { return power(generator, x) }

// secret returns what both sides then know. theirs must have passed checkKey.
func (x private) secret(theirs *[keyLen]byte) [keyLen]byte {
	return power(new(big.Int).SetBytes(theirs[:]), x)
}

// power is the whole arithmetic of a handshake, 0.1 to 0.2 ms a call. It does not hide how long it
// takes: a private key lives for one handshake.
func power(base *big.Int, x private) (out [keyLen]byte) {
	new(big.Int).Exp(base, new(big.Int).SetBytes(x[:]), prime).FillBytes(out[:])
	return out
}

// checkKey refuses the public keys for which the secret is known to everybody (0, 1, p-1), and what
// is no number of the group. It costs no arithmetic.
func checkKey(theirs *[keyLen]byte) error {
	y := new(big.Int).SetBytes(theirs[:])
	if y.Cmp(one) <= 0 || y.Cmp(last) >= 0 {
		return fmt.Errorf("%w: a public key that hides nothing", ErrProtocol)
	}
	return nil
}
