package jose

import (
	"math/big"
	"slices"
)

// The field and the constant of edwards25519: RFC 8032, section 5.1.
var (
	edwardsP, _ = new(big.Int).SetString("7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffed", 16)
	edwardsD, _ = new(big.Int).SetString("52036cee2b6ffe738cc740797779e89800700a4d4141d8ab75eb4dca135978a3", 16)
)

// validEd25519 tells whether 32 bytes are a point of edwards25519 that can be a
// public key. The standard library only finds out when it verifies, and takes
// points of small order, for which anybody can make signatures.
func validEd25519(x []byte) bool {
	one, p := big.NewInt(1), edwardsP
	// RFC 8032, section 5.1.3: little-endian y, the sign of x in the highest bit.
	b := slices.Clone(x)
	slices.Reverse(b)
	b[0] &= 0x7f
	y := new(big.Int).SetBytes(b)
	if y.Cmp(p) >= 0 {
		return false
	}
	yy := new(big.Int).Mul(y, y)
	yy.Mod(yy, p)
	dyy := new(big.Int).Mul(yy, edwardsD)

	// The curve: -x² + y² = 1 + d·x²·y², so x² = u/v. That is a square if u·v is;
	// x = 0 belongs to the points of order 1 and 2.
	u := new(big.Int).Sub(yy, one)
	v := new(big.Int).Add(dyy, one)
	onCurve := big.Jacobi(u.Mod(u, p), p)*big.Jacobi(v.Mod(v, p), p) > 0

	// Those of order 4 have y = 0, and those of order 8 double to that: there
	// x² = -y², or d·y⁴ + 2y² = 1.
	eighth := new(big.Int).Mul(dyy, yy)
	eighth.Add(eighth, yy).Add(eighth, yy).Sub(eighth, one)
	return onCurve && y.Sign() != 0 && eighth.Mod(eighth, p).Sign() != 0
}
