echo "changed" >> notes.txt && cat notes.txt
rm notes.txt
echo "made" > new.txt && cat new.txt
ls
