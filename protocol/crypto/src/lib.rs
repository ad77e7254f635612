//! SM2, SM3, SM4 and 3DES in the field's roles, behind one small seam.
