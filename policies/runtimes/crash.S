/* Linked into compiled programs. When one crashes, the line is told: the watcher hears of the opening of a file that
   never exists, and is given the registers at the time of the crash; then the program ends as it would have. Without a
   watcher this does nothing. In C and C++ only; a program's own handlers take its place. Rust has a handler of its own,
   which is then called. This file is read by assemblers and by the C preprocessor; both see comments here. */
#if defined(__x86_64__) && defined(__linux__)

	.set	CALL_RT_SIGACTION, 13
	.set	CALL_GETPID, 39
	.set	CALL_SIGALTSTACK, 131
	.set	CALL_GETTID, 186
	.set	CALL_TGKILL, 234
	.set	CALL_OPENAT, 257
	.set	WRITE_AND_CREATE, 0x41
	.set	STACK_SIZE, 65536
	/* SA_SIGINFO, SA_RESTORER, SA_ONSTACK, SA_RESETHAND */
	.set	FLAGS, 0x8c000004

	.weak	__real_sigaction

	.pushsection .text.belljar,"ax",@progbits
	.p2align 4
	.type	.Lbelljar_crashed, @function
.Lbelljar_crashed:
	movl	%edi, %r12d
	movq	%rsi, %r13
	movq	%rdx, %r14
	/* openat(signal, path, flags, registers): the path is absolute, so the first argument is free. */
	leaq	.Lbelljar_path(%rip), %rsi
	movl	$WRITE_AND_CREATE, %edx
	movq	%r14, %r10
	movl	$CALL_OPENAT, %eax
	syscall
	leaq	.Lbelljar_next(%rip), %rax
	movq	(%rax,%r12,8), %rax
	testq	%rax, %rax
	je	1f
	movl	%r12d, %edi
	movq	%r13, %rsi
	movq	%r14, %rdx
	jmp	*%rax
1:	/* The signal again, now with nothing to catch it. It comes as soon as this handler returns. */
	movl	$CALL_GETPID, %eax
	syscall
	movl	%eax, %r15d
	movl	$CALL_GETTID, %eax
	syscall
	movl	%r15d, %edi
	movl	%eax, %esi
	movl	%r12d, %edx
	movl	$CALL_TGKILL, %eax
	syscall
	ret
	.p2align 4
.Lbelljar_return:
	movl	$15, %eax
	syscall
	.p2align 4
	.type	.Lbelljar_watch, @function
.Lbelljar_watch:
	pushq	%rbx
	leaq	.Lbelljar_signals(%rip), %rbx
	/* A handler of Rust's, or one that is called there, comes later and by way of __wrap_sigaction. */
	cmpq	$0, __real_sigaction@GOTPCREL(%rip)
	jne	2f
	leaq	.Lbelljar_rest(%rip), %rbx
	/* A stack that has overflowed is none to run a handler on. */
	leaq	.Lbelljar_stack(%rip), %rax
	movq	$STACK_SIZE, -8(%rsp)
	movq	$0, -16(%rsp)
	movq	%rax, -24(%rsp)
	leaq	-24(%rsp), %rdi
	xorl	%esi, %esi
	movl	$CALL_SIGALTSTACK, %eax
	syscall
2:	movzbl	(%rbx), %edi
	testl	%edi, %edi
	je	3f
	/* struct sigaction of the kernel: handler, flags, restorer, mask. */
	leaq	.Lbelljar_crashed(%rip), %rax
	movq	%rax, -40(%rsp)
	movl	$FLAGS, %eax
	movq	%rax, -32(%rsp)
	leaq	.Lbelljar_return(%rip), %rax
	movq	%rax, -24(%rsp)
	movq	$0, -16(%rsp)
	leaq	-40(%rsp), %rsi
	xorl	%edx, %edx
	movl	$8, %r10d
	movl	$CALL_RT_SIGACTION, %eax
	syscall
	incq	%rbx
	jmp	2b
3:	popq	%rbx
	ret
	/* Takes the place of sigaction in Rust: the first handler for SIGSEGV and SIGBUS, which is its library's, is called
	   after ours. What else is asked for is what is done. */
	.p2align 4
	.globl	__wrap_sigaction
	.hidden	__wrap_sigaction
	.type	__wrap_sigaction, @function
__wrap_sigaction:
	cmpl	$11, %edi
	je	4f
	cmpl	$7, %edi
	jne	5f
4:	testq	%rsi, %rsi
	je	5f
	cmpq	$1, (%rsi)
	jbe	5f
	leaq	.Lbelljar_next(%rip), %rax
	movl	%edi, %ecx
	cmpq	$0, (%rax,%rcx,8)
	jne	5f
	movq	(%rsi), %r8
	movq	%r8, (%rax,%rcx,8)
	/* struct sigaction of the C library: 152 bytes, the handler first. */
	subq	$168, %rsp
	movq	%rdi, %r9
	movq	%rsp, %rdi
	movl	$19, %ecx
	rep movsq
	movl	%r9d, %edi
	leaq	.Lbelljar_crashed(%rip), %rax
	movq	%rax, (%rsp)
	movq	%rsp, %rsi
	call	*__real_sigaction@GOTPCREL(%rip)
	addq	$168, %rsp
	ret
5:	jmp	*__real_sigaction@GOTPCREL(%rip)
	.popsection

	.pushsection .rodata.belljar,"a",@progbits
.Lbelljar_path:
	.asciz	"/.belljar/v1/crash"
	/* All of them; with those that Rust handles, the ones that only other languages leave to us, first. */
.Lbelljar_rest:
	.byte	11, 7
.Lbelljar_signals:
	.byte	4, 5, 6, 8, 0
	.popsection

	.pushsection .bss.belljar,"aw",@nobits
	.p2align 4
.Lbelljar_next:
	.skip	8 * 16
.Lbelljar_stack:
	.skip	STACK_SIZE
	.popsection

	.pushsection .init_array.00099,"aw"
	.p2align 3
	.quad	.Lbelljar_watch
	.popsection

	.pushsection .note.GNU-stack,"",@progbits
	.popsection
#endif
