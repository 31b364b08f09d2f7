# Sums of products over GF(2^8), for every set of vector instructions: out[row] (+)= sum of factor(row, term) * source[term].
#
# In assembly, because the kernel's target has no vector registers in Rust: what runs there is what the host's tests run.
# Each function computes 5, 4, 2 or 1 rows side by side and keeps them in registers over all terms, so that a source is read
# once for all of them and a row is written once.
#
# noreturn_fec_SET_ROWS(pass: rdi), System V calling convention; touches no callee-saved register, no stack, no red zone.
# Registers: rcx = byte offset; rsi = next term, rdx = end of terms; r8 = factors of the term, r9 = first row,
# r10 = table of the set, r11 = source of the term; rax = factor. The fields of Pass and Term are in x86.rs.

# Start of a term: its source, its factors. A term has 16 bytes.
.macro next_term
    mov r11, [rsi]
    mov r8, [rsi + 8]
    add r11, rcx
    add r8, r9
    add rsi, 16
.endm

# Where the rows lie: r8, r8 + r11, r8 + 2 * r11, r8 + rax, r8 + 4 * r11.
.macro locate_rows
    mov r8, [rdi + 24]
    mov r11, [rdi + 32]
    add r8, rcx
    lea rax, [r11 + 2 * r11]
.endm

# load or store: `vectors` registers of a row, each `size` bytes, from or to `place`.
.macro load_row move, kind, size, vectors, place, a, b, c, d
    \move \kind\a, [\place]
    .if \vectors > 1
    \move \kind\b, [\place + \size]
    .endif
    .if \vectors > 2
    \move \kind\c, [\place + 2 * \size]
    \move \kind\d, [\place + 3 * \size]
    .endif
.endm

.macro store_row move, kind, size, vectors, place, a, b, c, d
    \move [\place], \kind\a
    .if \vectors > 1
    \move [\place + \size], \kind\b
    .endif
    .if \vectors > 2
    \move [\place + 2 * \size], \kind\c
    \move [\place + 3 * \size], \kind\d
    .endif
.endm

# All rows, of which the sums are in registers 0 to 3, 4 to 7, 8 to 11, 12 to 15, 16 to 19 (four vectors a row) or
# 0 to 1, 2 to 3, 4 to 5, 6 to 7, 8 to 9 (at most two).
.macro each_row what, move, kind, size, vectors, rows
    locate_rows
    .if \vectors > 2
    \what \move, \kind, \size, \vectors, r8, 0, 1, 2, 3
    .if \rows > 1
    \what \move, \kind, \size, \vectors, r8+r11, 4, 5, 6, 7
    .endif
    .if \rows > 2
    \what \move, \kind, \size, \vectors, r8+2*r11, 8, 9, 10, 11
    \what \move, \kind, \size, \vectors, r8+rax, 12, 13, 14, 15
    .endif
    .if \rows > 4
    \what \move, \kind, \size, \vectors, r8+4*r11, 16, 17, 18, 19
    .endif
    .else
    \what \move, \kind, \size, \vectors, r8, 0, 1, 0, 0
    .if \rows > 1
    \what \move, \kind, \size, \vectors, r8+r11, 2, 3, 0, 0
    .endif
    .if \rows > 2
    \what \move, \kind, \size, \vectors, r8+2*r11, 4, 5, 0, 0
    \what \move, \kind, \size, \vectors, r8+rax, 6, 7, 0, 0
    .endif
    .if \rows > 4
    \what \move, \kind, \size, \vectors, r8+4*r11, 8, 9, 0, 0
    .endif
    .endif
.endm

.macro zero_sums xor, kind, count
    .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19
    .if \n < \count
    .ifc \kind, xmm
    \xor \kind\n, \kind\n
    .else
    \xor \kind\n, \kind\n, \kind\n
    .endif
    .endif
    .endr
.endm

# `vectors` times `size` bytes of all rows: label 2 is one term. Sums start at zero if the pass is fresh.
.macro tile set, move, xor, kind, size, vectors, rows
    cmp qword ptr [rdi + 56], 0
    jne 4f
    each_row load_row, \move, \kind, \size, \vectors, \rows
    jmp 5f
4:
    .if \vectors > 2
    zero_sums \xor, \kind, 4 * \rows
    .else
    zero_sums \xor, \kind, 2 * \rows
    .endif
5:
    mov rsi, [rdi]
2:
    next_term
    \set\()_load \vectors
    \set\()_row 0, \vectors, 0
    .if \rows > 1
    \set\()_row 1, \vectors, 1
    .endif
    .if \rows > 2
    \set\()_row 2, \vectors, 2
    \set\()_row 3, \vectors, 3
    .endif
    .if \rows > 4
    \set\()_row 4, \vectors, 4
    .endif
    cmp rsi, rdx
    jb 2b
    each_row store_row, \move, \kind, \size, \vectors, \rows
    add rcx, \vectors * \size
.endm

# A whole function: tiles of `vectors`, then, where those have more than 64 bytes, tiles of one vector.
.macro function set, move, xor, kind, size, vectors, rows
    .globl noreturn_fec_\set\()_\rows
    .hidden noreturn_fec_\set\()_\rows
    .type noreturn_fec_\set\()_\rows, @function
    .p2align 6
noreturn_fec_\set\()_\rows:
    mov rdx, [rdi + 8]
    mov r9, [rdi + 16]
    mov r10, [rdi + 48]
    shl rdx, 4
    add rdx, [rdi]
    xor ecx, ecx
1:
    lea rax, [rcx + \vectors * \size]
    cmp rax, [rdi + 40]
    ja 3f
    tile \set, \move, \xor, \kind, \size, \vectors, \rows
    jmp 1b
3:
    .if \vectors * \size > 64
6:
    cmp rcx, [rdi + 40]
    jae 7f
    tile \set, \move, \xor, \kind, \size, 1, \rows
    jmp 6b
7:
    .endif
    .ifnc \kind, xmm
    vzeroupper
    .endif
    ret
    .size noreturn_fec_\set\()_\rows, . - noreturn_fec_\set\()_\rows
.endm

# SSSE3: a product is the sum of two table look-ups, of its low and of its high four bits (pshufb).
# xmm8, xmm9: low halves; xmm10, xmm11: high halves; xmm12, xmm13: tables of the factor; xmm14: scratch; xmm15: 0x0f…

.macro ssse3_load vectors
    mov eax, 0x0f0f0f0f
    movd xmm15, eax
    pshufd xmm15, xmm15, 0
    movdqu xmm8, [r11]
    movdqu xmm9, [r11 + 16]
    movdqa xmm10, xmm8
    movdqa xmm11, xmm9
    psrlw xmm10, 4
    psrlw xmm11, 4
    pand xmm8, xmm15
    pand xmm9, xmm15
    pand xmm10, xmm15
    pand xmm11, xmm15
.endm

.macro ssse3_product a, table, half
    movdqa xmm14, xmm\table
    pshufb xmm14, xmm\half
    pxor xmm\a, xmm14
.endm

.macro ssse3_sums a, b
    ssse3_product \a, 12, 8
    ssse3_product \b, 12, 9
    ssse3_product \a, 13, 10
    ssse3_product \b, 13, 11
.endm

.macro ssse3_row row, vectors, sums
    movzx eax, byte ptr [r8 + \row]
    shl eax, 5
    movdqu xmm12, [r10 + rax]
    movdqu xmm13, [r10 + rax + 16]
    pick_two ssse3_sums, \sums
.endm

# The two sums of a row.
.macro pick_two what, row
    .if \row == 0
    \what 0, 1
    .elseif \row == 1
    \what 2, 3
    .elseif \row == 2
    \what 4, 5
    .elseif \row == 3
    \what 6, 7
    .else
    \what 8, 9
    .endif
.endm

# AVX2: the same, 32 bytes at a time.

.macro avx2_load vectors
    mov eax, 0x0f0f0f0f
    vmovd xmm15, eax
    vpbroadcastd ymm15, xmm15
    vmovdqu ymm8, [r11]
    vmovdqu ymm9, [r11 + 32]
    vpsrlw ymm10, ymm8, 4
    vpsrlw ymm11, ymm9, 4
    vpand ymm8, ymm8, ymm15
    vpand ymm9, ymm9, ymm15
    vpand ymm10, ymm10, ymm15
    vpand ymm11, ymm11, ymm15
.endm

.macro avx2_product a, table, half
    vpshufb ymm14, ymm\table, ymm\half
    vpxor ymm\a, ymm\a, ymm14
.endm

.macro avx2_sums a, b
    avx2_product \a, 12, 8
    avx2_product \b, 12, 9
    avx2_product \a, 13, 10
    avx2_product \b, 13, 11
.endm

.macro avx2_row row, vectors, sums
    movzx eax, byte ptr [r8 + \row]
    shl eax, 5
    vbroadcasti128 ymm12, [r10 + rax]
    vbroadcasti128 ymm13, [r10 + rax + 16]
    pick_two avx2_sums, \sums
.endm

# GFNI on 32 bytes: a product is one multiplication by an 8 by 8 matrix of bits, because x -> factor * x is linear over
# GF(2). (gf2p8mulb is for another polynomial, 0x11b.) ymm8, ymm9: source; ymm12: matrix of the factor.

.macro gfni_load vectors
    vmovdqu ymm8, [r11]
    vmovdqu ymm9, [r11 + 32]
.endm

.macro gfni_sums a, b
    vgf2p8affineqb ymm13, ymm8, ymm12, 0
    vgf2p8affineqb ymm14, ymm9, ymm12, 0
    vpxor ymm\a, ymm\a, ymm13
    vpxor ymm\b, ymm\b, ymm14
.endm

.macro gfni_row row, vectors, sums
    movzx eax, byte ptr [r8 + \row]
    vpbroadcastq ymm12, [r10 + 8 * rax]
    pick_two gfni_sums, \sums
.endm

# GFNI on 64 bytes, where there are registers for a fifth row. zmm20 to zmm23: source; zmm24: matrix of the factor;
# zmm25 to zmm28: products.

.macro gfni512_load vectors
    load_row vmovdqu64, zmm, 64, \vectors, r11, 20, 21, 22, 23
.endm

.macro gfni512_sum a, source, product
    vgf2p8affineqb zmm\product, zmm\source, zmm24, 0
    vpxorq zmm\a, zmm\a, zmm\product
.endm

.macro gfni512_sums a, b, c, d
    gfni512_sum \a, 20, 25
    gfni512_sum \b, 21, 26
    gfni512_sum \c, 22, 27
    gfni512_sum \d, 23, 28
.endm

.macro gfni512_one a, b
    gfni512_sum \a, 20, 25
.endm

.macro gfni512_row row, vectors, sums
    movzx eax, byte ptr [r8 + \row]
    vpbroadcastq zmm24, [r10 + 8 * rax]
    .if \vectors == 1
    pick_two gfni512_one, \sums
    .elseif \sums == 0
    gfni512_sums 0, 1, 2, 3
    .elseif \sums == 1
    gfni512_sums 4, 5, 6, 7
    .elseif \sums == 2
    gfni512_sums 8, 9, 10, 11
    .elseif \sums == 3
    gfni512_sums 12, 13, 14, 15
    .else
    gfni512_sums 16, 17, 18, 19
    .endif
.endm

    .section .text.noreturn_fec, "ax", @progbits
    .irp rows, 1, 2, 4
    function ssse3, movdqu, pxor, xmm, 16, 2, \rows
    function avx2, vmovdqu, vpxor, ymm, 32, 2, \rows
    function gfni, vmovdqu, vpxor, ymm, 32, 2, \rows
    function gfni512, vmovdqu64, vpxorq, zmm, 64, 4, \rows
    .endr
    function gfni512, vmovdqu64, vpxorq, zmm, 64, 4, 5
    .text
