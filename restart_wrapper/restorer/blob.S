// The restorer's bytes inside the program stasis.
// World: programs.
        .section .rodata
        .globl stasis_restorer_blob, stasis_restorer_blob_end
        .balign 16
stasis_restorer_blob:
        .incbin STASIS_RESTORER_BLOB
stasis_restorer_blob_end:
        .section .note.GNU-stack, "", @progbits
